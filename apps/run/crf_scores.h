// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include <opencv2/core/mat.hpp>
#include <torch/types.h>

namespace deeplab::apps {

/// A file with the scores of one photo, written by any framework. `kind` is
/// "logits", "probabilities" or "unary" (energies) for a float .npy [labels, H,
/// W], or "labels" for a mask.
struct ScoresFile {
  std::string kind;
  std::string path;
};

/// Unary energies of the CRF: the cost of each label at each pixel, before
/// neighbours are considered.
struct Unary {
  size_t labels = 0;
  /// Float [labels, H, W].
  torch::Tensor energies;

  float* data() const { return energies.data_ptr<float>(); }
};

struct UnaryOptions {
  /// For the kind "labels": the number of labels in the mask, and the
  /// probability that a pixel of the mask is right.
  int64_t num_labels = 0;
  double confidence = 0;
  /// Whether the CRF drops unlikely labels. Then the file's size does not tell
  /// how much memory the CRF needs.
  bool drops_labels = false;
};

/// Reads the scores of one photo. A single label is the foreground, as a logit
/// or probability; the label 0, background, is added.
/// Throws: DataError naming the file, if the scores do not match the image's
///         size or are out of range.
Unary read_unary(
    const ScoresFile& file, const cv::Mat& image, const UnaryOptions& options
);

/// Returns the score files of the folder `scores`, keyed by their photos in the
/// folder `photos`. The scores of the photo NAME are in NAME.npy or, as
/// `predict` names them, NAME_logits.npy (for the kind "labels", NAME.png or
/// NAME_mask.png).
/// Throws: DataError if a photo is missing; ConfigError if two files belong to
///         one photo.
std::map<std::string, std::string> find_scores(
    const std::string& kind,
    const std::string& scores,
    const std::string& photos
);

}  // namespace deeplab::apps
