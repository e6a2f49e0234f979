// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "data/classes.h"
#include "data/synthetic_config.h"
#include "deeplab/core/random.h"

namespace deeplab::data {

/// An image and its truth as they lie on disk.
struct RawSample {
  /// u8 [H, W, 3], BGR.
  cv::Mat image;
  /// u8 [H, W], each a class or kVoid.
  cv::Mat labels;
  /// For messages: the image's path, or a description.
  std::string name;
};

/// A split of a data set. All functions may be called from several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;
  /// A short name without folder or ending, to name results by.
  virtual std::string id(int64_t index) const = 0;
  /// Throws: DataError naming the file, for one that is missing, damaged, of
  ///         another size than its partner, or with a label out of range.
  virtual RawSample load(int64_t index) const = 0;
  virtual const Classes& classes() const = 0;
  /// The indices in the order of one epoch of training. Drawn from `random`
  /// alone, so that an epoch can be entered anywhere.
  virtual std::vector<int64_t> order(Random& random) const {
    return random.permutation(size());
  }
};

/// Which half of a data set.
enum class Role { kTrain, kValidation };

/// Where images come from, as config key `data`.
struct DataConfig {
  /// "synthetic" is drawn; data/README.md has the others.
  std::string kind = "synthetic";
  /// Folder of the data set.
  std::string root;
  std::string train_split = "train";
  std::string val_split = "val";
  /// Names of the classes, by index; empty: `root`/classes.json, or the set's.
  std::vector<std::string> classes;
  /// Red, green, blue of each class; empty: VOC's palette. Where they are
  /// given, masks may be of these colors.
  std::vector<std::vector<int64_t>> colors;
  SyntheticConfig synthetic;
  /// A list of training images (an ID a line) that come repeat_times as often
  /// as the others; `data check` writes one for each class.
  std::string repeat_list;
  int64_t repeat_times = 2;
  /// For "packed": images among which an epoch's order is shuffled, so that
  /// shards are read from front to back; 0: all, and reads anywhere.
  int64_t shuffle_buffer = 1000;
  /// Subtracted from and divided out of RGB in 0..1. Source: ImageNet.
  std::vector<double> mean = {0.485, 0.456, 0.406};
  std::vector<double> std = {0.229, 0.224, 0.225};
  /// Threads that read and augment; 0: the trainer's own.
  int64_t workers = 1;
  /// Batches that are kept ready.
  int64_t prefetch = 2;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("kind", kind);
    visit("root", root);
    visit("train_split", train_split);
    visit("val_split", val_split);
    visit("classes", classes);
    visit("colors", colors);
    visit("synthetic", synthetic);
    visit("repeat_list", repeat_list);
    visit("repeat_times", repeat_times);
    visit("shuffle_buffer", shuffle_buffer);
    visit("mean", mean);
    visit("std", std);
    visit("workers", workers);
    visit("prefetch", prefetch);
  }

  /// The split's name.
  const std::string& split(Role role) const {
    return role == Role::kTrain ? train_split : val_split;
  }
  /// Throws: ConfigError naming the first key that breaks a rule.
  void validate() const;
};

/// Opens one split by the config's kind.
/// Throws: ConfigError for an unknown kind, which lists the known ones; what
///         the data set itself throws.
std::shared_ptr<const Dataset> make_dataset(
    const DataConfig& config, Role role
);

/// The kind of the data set that lies in a folder, told by its layout;
/// `preferred` where it has several.
/// Throws: DataError where it is none's.
std::string kind_of(const std::string& root, const std::string& preferred);

/// The classes that a config's data set has, known without opening a split.
/// Throws: as make_dataset().
Classes classes_of(const DataConfig& config);

}  // namespace deeplab::data
