// SPDX-License-Identifier: Apache-2.0
#include "data/pascal_voc.h"

#include <filesystem>
#include <set>
#include <sstream>

#include "data/image_file.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

namespace fs = std::filesystem;

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

std::string size_of(const cv::Mat& image) {
  return str(image.cols, "x", image.rows);
}

class PascalVoc : public Dataset {
 public:
  PascalVoc(const DataConfig& config, const std::string& split)
      : root_(config.root) {
    if (root_.empty()) {
      throw ConfigError("data.root is empty; must be the data set's folder");
    }
    ids_ = read_ids(root_ + "/ImageSets/Segmentation/" + split + ".txt");
    classes_ = pascal_voc_classes(config);
  }

  int64_t size() const override { return static_cast<int64_t>(ids_.size()); }
  std::string id(int64_t index) const override {
    return ids_.at(static_cast<size_t>(index));
  }
  const Classes& classes() const override { return classes_; }

  RawSample load(int64_t index) const override {
    const auto image_path = find_image(id(index));
    const auto mask_path = root_ + "/SegmentationClass/" + id(index) + ".png";
    RawSample sample{read_image(image_path), read_mask(mask_path), image_path};
    if (sample.image.size() != sample.labels.size()) {
      throw DataError(
          str(mask_path,
              ": is ",
              size_of(sample.labels),
              ", its image ",
              size_of(sample.image),
              "; both, turned as their EXIF says, must be equal")
      );
    }
    check_labels(sample.labels, classes_.size(), mask_path);
    return sample;
  }

 private:
  std::string find_image(const std::string& id) const {
    const auto stem = root_ + "/JPEGImages/" + id;
    for (const char* ending : {".jpg", ".jpeg", ".png"}) {
      if (fs::exists(stem + ending)) return stem + ending;
    }
    throw DataError(str(stem, ".jpg: no such file (nor .jpeg, .png)"));
  }

  std::string root_;
  std::vector<std::string> ids_;
  Classes classes_;
};

}  // namespace

std::shared_ptr<const Dataset> make_pascal_voc(
    const DataConfig& config, Role role
) {
  return std::make_shared<PascalVoc>(
      config, role == Role::kTrain ? config.train_split : config.val_split
  );
}

Classes pascal_voc_classes(const DataConfig& config) {
  const auto file = config.root + "/classes.json";
  if (config.classes.empty() && !fs::exists(file)) {
    throw DataError(
        str(file,
            ": no such file; name the classes there, or by --classes a,b,c "
            "(data.classes)")
    );
  }
  return config.classes.empty() ? read_classes(file)
                                : make_classes(config.classes, config.colors);
}

void check_labels(
    const cv::Mat& labels, int64_t num_classes, const std::string& path
) {
  for (int row = 0; row < labels.rows; ++row) {
    const auto* values = labels.ptr<uint8_t>(row);
    for (int column = 0; column < labels.cols; ++column) {
      const int64_t label = values[column];
      if (label < num_classes || label == kVoid) continue;
      throw DataError(
          str(path,
              ": label ",
              label,
              " at row ",
              row,
              ", column ",
              column,
              "; expected 0..",
              num_classes - 1,
              " or ",
              kVoid,
              " (void)")
      );
    }
  }
}

}  // namespace deeplab::data
