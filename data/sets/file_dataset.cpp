// SPDX-License-Identifier: Apache-2.0
#include "data/sets/file_dataset.h"

#include <set>

#include <fmt/core.h>

#include "data/files/image_file.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

std::string size_of(const cv::Mat& image) {
  return fmt::format("{}x{}", image.cols, image.rows);
}

}  // namespace

FileDataset::FileDataset(
    const DataConfig& config,
    std::vector<FilePair> pairs,
    Legend legend,
    const std::string& source
)
    : pairs_(std::move(pairs)), legend_(std::move(legend)) {
  if (config.void_values) set_void(legend_, *config.void_values);
  if (pairs_.empty()) throw DataError(fmt::format("{}: has no images", source));
  std::set<std::string> seen;
  for (const auto& pair : pairs_) {
    if (seen.insert(pair.id).second) continue;
    throw DataError(fmt::format("{}: duplicate ID {}", source, pair.id));
  }
}

int64_t FileDataset::size() const {
  return static_cast<int64_t>(pairs_.size());
}

std::string FileDataset::id(int64_t index) const {
  return pairs_.at(static_cast<size_t>(index)).id;
}

PairBytes FileDataset::bytes(int64_t index) const {
  const auto& pair = pairs_.at(static_cast<size_t>(index));
  return {pair.image, read_file(pair.image), pair.mask, read_file(pair.mask)};
}

RawSample FileDataset::load(int64_t index) const {
  const auto pair = bytes(index);
  RawSample sample;
  sample.name = pair.image_name;
  sample.labels = labels_of(pair);
  sample.image = decode_image(pair.image, pair.image_name);
  if (sample.image.size() != sample.labels.size()) {
    throw DataError(fmt::format(
        "{}: is {}, but its image is {}; both sizes, after EXIF rotation, must be equal",
        pair.mask_name, size_of(sample.labels), size_of(sample.image)
    ));
  }
  return sample;
}

cv::Mat FileDataset::load_labels(int64_t index) const {
  return labels_of(bytes(index));
}

cv::Mat FileDataset::labels_of(const PairBytes& pair) const {
  const auto form = legend_.map.knows_colors() ? MaskForm::kIndicesOrColors
                                               : MaskForm::kIndices;
  return legend_.map.to_classes(
      decode_mask(pair.mask, pair.mask_name, form), pair.mask_name
  );
}

}  // namespace deeplab::data
