// SPDX-License-Identifier: Apache-2.0
#include "data/file_dataset.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "data/image_file.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

namespace fs = std::filesystem;

std::string size_of(const cv::Mat& image) {
  return str(image.cols, "x", image.rows);
}

}  // namespace

FileDataset::FileDataset(
    std::vector<FilePair> pairs, Legend legend, const std::string& source
)
    : pairs_(std::move(pairs)), legend_(std::move(legend)) {
  if (pairs_.empty()) throw DataError(str(source, ": has no images"));
  std::set<std::string> seen;
  for (const auto& pair : pairs_) {
    if (seen.insert(pair.id).second) continue;
    throw DataError(str(source, ": ID ", pair.id, " again"));
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
  const auto mask = decode_mask(
      pair.mask,
      pair.mask_name,
      legend_.map.knows_colors() ? MaskForm::kIndicesOrColors
                                 : MaskForm::kIndices
  );
  RawSample sample;
  sample.name = pair.image_name;
  sample.image = decode_image(pair.image, pair.image_name);
  if (sample.image.size() != mask.size()) {
    throw DataError(
        str(pair.mask_name,
            ": is ",
            size_of(mask),
            ", its image ",
            size_of(sample.image),
            "; both, turned as their EXIF says, must be equal")
    );
  }
  sample.labels = legend_.map.to_classes(mask, pair.mask_name);
  return sample;
}

std::string find_image(const std::string& stem) {
  for (const char* ending : {".jpeg", ".png"}) {
    if (fs::exists(stem + ".jpg")) break;
    if (fs::exists(stem + ending)) return stem + ending;
  }
  return stem + ".jpg";
}

std::vector<std::string> read_ids(const std::string& path) {
  std::vector<std::string> ids;
  std::set<std::string> seen;
  std::istringstream lines(read_file(path));
  std::string line;
  for (int64_t number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line);
    std::string id;
    std::string more;
    if (!(words >> id)) continue;
    if (words >> more) {
      throw DataError(
          str(path, ": line ", number, " is \"", line, "\"; expected one ID")
      );
    }
    if (!seen.insert(id).second) {
      throw DataError(str(path, ": line ", number, ": ID ", id, " again"));
    }
    ids.push_back(id);
  }
  if (ids.empty()) throw DataError(str(path, ": lists no images"));
  return ids;
}

std::vector<std::string> list_files(
    const std::string& folder, const std::string& ending
) {
  if (!fs::is_directory(folder)) {
    throw DataError(str(folder, ": no such folder"));
  }
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(
           folder, fs::directory_options::follow_directory_symlink
       )) {
    const auto path = entry.path().lexically_relative(folder).string();
    const bool ends =
        path.size() >= ending.size() &&
        path.compare(path.size() - ending.size(), ending.size(), ending) == 0;
    if (ends && entry.is_regular_file()) files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace deeplab::data
