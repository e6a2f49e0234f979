// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "data/dataset/classes.h"
#include "data/dataset/synthetic_config.h"
#include "deeplab/core/config_rule.h"
#include "deeplab/core/random.h"

namespace deeplab::data {

/// An image and its ground truth as stored on disk.
struct RawSample {
  /// u8 [H, W, 3], BGR.
  cv::Mat image;
  /// u8 [H, W], each value a class or kVoid.
  cv::Mat labels;
  /// Path of the image, or a description of it, for error messages.
  std::string name;
};

/// One split of a data set. All functions may be called from several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;
  /// Returns a short name without folder or extension. Result files are named
  /// after it.
  virtual std::string id(int64_t index) const = 0;
  /// Reads and decodes one image and its mask.
  /// Throws: DataError naming the file, if a file is missing or damaged, if
  ///         image and mask differ in size, or if a label is out of range.
  virtual RawSample load(int64_t index) const = 0;
  virtual const Classes& classes() const = 0;
  /// Returns the indices in the order of one training epoch. The order depends
  /// only on `random`, so training can resume at any epoch.
  virtual std::vector<int64_t> order(Random& random) const {
    return random.permutation(size());
  }
};

/// Purpose for which a split is opened.
enum class Role { kTrain, kValidation };

/// The kinds of data sets (dataset.cpp has their table).
Rule known_kinds();

/// Settings of the data set, config key `data`. fields() says what each key is
/// for.
struct DataConfig {
  std::string kind = "synthetic";
  std::string root;
  std::string train_split = "train";
  std::string val_split = "val";
  std::vector<std::string> classes;
  std::vector<std::vector<int64_t>> colors;
  std::vector<int64_t> values;
  std::optional<std::vector<int64_t>> void_values;
  SyntheticConfig synthetic;
  std::string repeat_list;
  int64_t repeat_times = 2;
  int64_t shuffle_buffer = 1000;
  std::vector<double> mean = {0.485, 0.456, 0.406};
  std::vector<double> std = {0.229, 0.224, 0.225};
  int64_t workers = 1;
  int64_t prefetch = 2;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit(
        "kind", kind, known_kinds(),
        "Kind of the data set; synthetic generates images, data/README.md describes the others."
    );
    visit("root", root, "Folder of the data set.");
    visit("train_split", train_split, "Name of the split to train on.");
    visit("val_split", val_split, "Name of the split to evaluate.");
    visit(
        "classes", classes,
        "Names of the classes by index. Empty: those of the folder's classes.json, or the data set's own."
    );
    visit(
        "colors", colors, between(0, 255),
        "Red, green and blue of each class; masks may then be of these colours. Empty: VOC's palette."
    );
    visit(
        "values", values, between(0, 255),
        "Value of each class in masks of indices. Empty: 0, 1, 2, ..., or those of classes.json."
    );
    visit(
        "void", void_values, between(0, 255),
        "Values of masks that are void; [] for none. null: those of the data set's kind, mostly 255."
    );
    visit("synthetic", synthetic, "The synthetic data set.");
    visit(
        "repeat_list", repeat_list,
        "File with one image ID per line: these training images occur repeat_times as often as the others. deeplab data check writes one file per class.",
        "Chen et al. 2018, arXiv:1802.02611, section 4.3 (V3's hard classes)"
    );
    visit(
        "repeat_times", repeat_times, between(1, 1000),
        "Number of times that each image of repeat_list occurs in an epoch."
    );
    visit(
        "shuffle_buffer", shuffle_buffer, between(0, 1e7),
        "packed: size of the window in which an epoch's order is shuffled, so that files are read from front to back; 0 shuffles all images."
    );
    visit(
        "mean", mean,
        "Mean of red, green and blue in 0..1, which is subtracted; three numbers.",
        "ImageNet"
    );
    visit(
        "std", std,
        "Standard deviation of red, green and blue in 0..1, by which the difference is divided; three numbers.",
        "ImageNet"
    );
    visit(
        "workers", workers, between(0, 256),
        "Number of threads that read and augment images; 0: the training thread does it."
    );
    visit(
        "prefetch", prefetch, between(1, 1024),
        "Number of batches that are prepared in advance."
    );
  }

  /// The split's name.
  const std::string& split(Role role) const {
    return role == Role::kTrain ? train_split : val_split;
  }
  /// Throws: ConfigError naming the first key that breaks a rule.
  void validate() const;
};

}  // namespace deeplab::data
