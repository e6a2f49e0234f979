// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "deeplab/model/deeplab.h"

namespace deeplab::model {

/// What an exported network's forward() gives.
enum class ScriptOutput {
  /// float [N, num_classes, H, W], as DeepLab's.
  kLogits,
  /// Their softmax.
  kProbabilities,
  /// int64 [N, H, W]: the class with the highest score.
  kLabels,
};

/// How to write a network as TorchScript.
struct ScriptOptions {
  ScriptOutput output = ScriptOutput::kLogits;
  /// If set, (rgb - mean) / deviation is part of forward(), which then takes
  /// RGB in 0..1.
  struct Normalization {
    std::vector<double> mean;
    std::vector<double> deviation;
  };
  std::optional<Normalization> normalization;
  /// Turns parameters into constants and folds batch norms into convolutions:
  /// faster to run; no longer to be trained or read by names.
  bool freeze = false;
  /// Text that is stored in the archive beside the network; see
  /// read_script_metadata().
  std::string metadata;
};

/// Writes a network, in evaluation mode and at its output stride, as a
/// TorchScript archive that LibTorch and Python load: any batch, any size,
/// parameters and buffers under their names. The network's mode is restored.
/// Throws: DataError naming `path`, which is left as it was.
void export_torchscript(
    DeepLab network, const ScriptOptions& options, const std::string& path
);

/// The metadata of an archive that export_torchscript() wrote; empty for any
/// other.
/// Throws: DataError naming `path`.
std::string read_script_metadata(const std::string& path);

}  // namespace deeplab::model
