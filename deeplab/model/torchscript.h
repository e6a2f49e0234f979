// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "deeplab/core/segmenter.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/script_scores.h"

namespace deeplab::model {

/// Result of an exported network's forward().
enum class ScriptOutput {
  /// float [N, num_classes, H, W], the same as from DeepLab.
  kLogits,
  /// Softmax of the logits.
  kProbabilities,
  /// int64 [N, H, W]: the class with the highest score.
  kLabels,
};

/// Settings of export_torchscript().
struct ScriptOptions {
  ScriptOutput output = ScriptOutput::kLogits;
  /// If set, (rgb - mean) / deviation is part of forward(), which then takes
  /// RGB in 0..1.
  struct Normalization {
    std::vector<double> mean;
    std::vector<double> deviation;
  };
  std::optional<Normalization> normalization;
  /// Turns parameters into constants and folds batch norms into convolutions.
  /// The file runs faster, but can no longer be trained, and its parameters can
  /// no longer be read by name.
  bool freeze = false;
  /// Text that is stored in the archive with the network; see
  /// read_script_metadata().
  std::string metadata;
};

/// Writes a network, in evaluation mode and at its current output stride, as a
/// TorchScript archive that LibTorch and Python can load. It takes any batch
/// size and any image size; parameters and buffers keep their names. The
/// network's training mode is restored.
/// Throws: DataError naming `path`. The old file then stays unchanged.
void export_torchscript(
    DeepLab network, const ScriptOptions& options, const std::string& path
);

/// Returns the metadata of an archive that export_torchscript() wrote, or an
/// empty string for any other archive.
/// Throws: DataError naming `path`.
std::string read_script_metadata(const std::string& path);

/// Settings of load_torchscript().
struct ScriptUse {
  torch::Device device = torch::kCPU;
  /// Size to which images are resized first, for a file that was traced at one
  /// size.
  std::optional<ImageSize> resize;
  /// Number of which the sides of an image must be multiples. Images are padded
  /// by repeating their last row and column, and the scores are cut. If unset,
  /// it is found by trying when the file's code rejects an image.
  std::optional<int64_t> multiple_of;
  ScoreKind scores = ScoreKind::kDetect;
  /// Receives what was found out about the file, a line each. May be empty.
  Notify notify;
};

/// Loads a TorchScript file as a segmenter, whose scores are logits or
/// logarithms of probabilities. The file's forward() must take images and
/// return what ScriptScores reads. Scores of another size than the image are
/// upsampled.
/// Throws: DataError naming the file, and the operator if this LibTorch lacks
///         one. The segmenter also throws it, for an output of another form or
///         an image that the file's code rejects. To find out whether a file
///         was traced at one fixed size, the sizes in its code are tried; the
///         message names the one that works.
Segmenter load_torchscript(const std::string& path, const ScriptUse& use);

}  // namespace deeplab::model
