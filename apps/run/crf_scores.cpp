// SPDX-License-Identifier: Apache-2.0
#include "apps/run/crf_scores.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "apps/run/photos.h"
#include "data/files/image_file.h"
#include "data/files/npy.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/crf/energies.h"
#include "deeplab/crf/kernels/rows.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

/// Returns the scores of background and foreground, if there is only one label.
torch::Tensor with_background(
    const torch::Tensor& scores, const std::string& kind
) {
  if (scores.size(0) > 1) return scores;
  const auto background =
      kind == "logits" ? torch::zeros_like(scores) : 1 - scores;
  return torch::cat({background, scores});
}

/// Reads scores. Throws: DataError if their shape does not match the image.
torch::Tensor read_scores(
    const ScoresFile& file, const cv::Mat& image, bool drops_labels
) {
  const auto& path = file.path;
  // Memory is needed for the scores and for two tables of the CRF of the same
  // size. If labels are dropped, the tables are smaller by an unknown amount,
  // so only the scores are counted.
  const size_t times_the_file = drops_labels ? 1 : 3;
  std::error_code problem;
  const auto bytes = std::filesystem::file_size(path, problem);
  if (!problem) {
    crf::check_memory(image.total(), times_the_file * bytes / image.total());
  }
  auto scores = data::read_npy(path);
  const int64_t least = file.kind == "unary" ? 2 : 1;
  const auto fits = scores.dim() == 3 && scores.size(0) >= least &&
                    scores.size(0) <= kVoid && scores.size(1) == image.rows &&
                    scores.size(2) == image.cols;
  if (fits) return with_background(scores, file.kind);
  throw DataError(fmt::format(
      "{}: has shape {}; expected [labels, {}, {}], the image's size, with {} to 255 labels",
      path, scores.sizes(), image.rows, image.cols, least
  ));
}

cv::Mat read_labels(
    const std::string& path, const cv::Mat& image, int64_t count
) {
  auto mask = data::read_mask(path);
  if (mask.size() == image.size()) {
    for (int y = 0; y < mask.rows; ++y) {
      for (int x = 0; x < mask.cols; ++x) {
        const int64_t label = mask.at<uint8_t>(y, x);
        if (label < count || label == kVoid) continue;
        throw DataError(fmt::format(
            "{}: label {} at row {}, column {}; must be below --num-labels, {}, or 255 (void)",
            path, label, y, x, count
        ));
      }
    }
    return mask;
  }
  throw DataError(fmt::format(
      "{}: is {}x{}; expected the image's size, {}x{}", path, mask.rows,
      mask.cols, image.rows, image.cols
  ));
}

void check_energies(const float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (std::abs(values[i]) <= crf::kMostEnergy) continue;
    throw DataError(fmt::format("energy {}; must be in -1e20..1e20", values[i])
    );
  }
}

Unary unary_of_labels(
    const ScoresFile& file, const cv::Mat& image, const UnaryOptions& options
) {
  const auto mask = read_labels(file.path, image, options.num_labels);
  Unary unary{
      static_cast<size_t>(options.num_labels),
      torch::empty({options.num_labels, image.rows, image.cols})};
  crf::energies_of_labels(
      mask.data, unary.labels, image.total(), options.confidence, unary.data()
  );
  return unary;
}

}  // namespace

Unary read_unary(
    const ScoresFile& file, const cv::Mat& image, const UnaryOptions& options
) {
  if (file.kind == "labels") return unary_of_labels(file, image, options);
  const auto pixels = image.total();
  Unary unary;
  unary.energies = read_scores(file, image, options.drops_labels);
  unary.labels = static_cast<size_t>(unary.energies.size(0));
  float* values = unary.data();
  try {
    if (file.kind == "logits") {
      crf::energies_of_logits(values, unary.labels, pixels, values);
    } else if (file.kind == "probabilities") {
      crf::energies_of_probabilities(values, unary.labels, pixels, values);
    } else {
      check_energies(values, unary.energies.numel());
    }
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", file.path, error.what()));
  }
  return unary;
}

std::map<std::string, std::string> find_scores(
    const std::string& kind,
    const std::string& scores,
    const std::string& photos
) {
  std::map<std::string, std::string> by_name;
  for (const auto& photo : find_photos({photos}, {})) {
    by_name[photo.name] = photo.path;
  }
  const bool is_mask = kind == "labels";
  const std::string ending = is_mask ? ".png" : ".npy";
  const std::string word = is_mask ? "mask" : kind;
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::directory_iterator(scores)) {
    const auto& path = entry.path();
    if (path.extension() != ending) continue;
    const auto name = path.stem().string();
    auto photo = by_name.find(name);
    if (photo == by_name.end()) {
      const auto cut = std::min(name.rfind('_'), name.size());
      photo = by_name.find(name.substr(0, cut));
      if (photo == by_name.end()) {
        throw DataError(
            fmt::format("{}: no matching photo in {}", path.string(), photos)
        );
      }
      // This file is a different output of `deeplab predict`, e.g. an overlay.
      if (name.substr(cut) != "_" + word) continue;
    }
    const auto [other, fresh] = found.emplace(photo->second, path.string());
    if (fresh) continue;
    throw ConfigError(fmt::format(
        "{} and {} belong to the same photo; keep one of them", path.string(),
        other->second
    ));
  }
  if (!found.empty()) return found;
  throw DataError(fmt::format(
      "{}: holds no file NAME{} or NAME_{}{}", scores, ending, word, ending
  ));
}

}  // namespace deeplab::apps
