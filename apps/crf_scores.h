// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include <opencv2/core/mat.hpp>
#include <torch/types.h>

namespace deeplab::apps {

/// A file of any framework's scores for one photo. `kind`: "logits",
/// "probabilities" or "unary" (energies), a float .npy [labels, H, W]; or
/// "labels", a mask.
struct ScoresFile {
  std::string kind;
  std::string path;
};

/// What a pixel is thought to be before its neighbours are asked.
struct Unary {
  size_t labels = 0;
  /// [labels, H, W]
  torch::Tensor energies;

  float* data() const { return energies.data_ptr<float>(); }
};

struct UnaryOptions {
  /// Of a mask, and the probability that it is right.
  int64_t num_labels = 0;
  double confidence = 0;
  /// The CRF leaves labels out, so that the file's size does not tell what
  /// memory it needs.
  bool drops_labels = false;
};

/// Throws: DataError naming the file, for scores of another shape than the
///         image's or out of range.
Unary read_unary(
    const ScoresFile& file, const cv::Mat& image, const UnaryOptions& options
);

/// The score files of a folder by their photos, those of the folder `photos`:
/// of the photo NAME the file NAME.npy or, as `predict` calls it,
/// NAME_logits.npy (NAME.png and NAME_mask.png of "labels").
/// Throws: DataError where a photo is missing; ConfigError where two files are
///         of one.
std::map<std::string, std::string> find_scores(
    const std::string& kind,
    const std::string& scores,
    const std::string& photos
);

}  // namespace deeplab::apps
