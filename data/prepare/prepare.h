// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace deeplab::data {

/// One conversion of a public data set into a folder that a loader reads.
struct PrepareJob {
  /// Archives as their owner publishes them, or folders with the same contents.
  std::vector<std::string> sources;
  /// A new or empty folder. It is unusable until the preparation has returned.
  std::string out;
  /// Called after each file that is written, with the number of files so far;
  /// may be empty.
  std::function<void(int64_t files)> on_file;
  /// Receives a line for the user; may be empty.
  std::function<void(const std::string& line)> say;
  /// For annotations of one's own: the names to use, in the order of the
  /// classes. Empty: all names.
  std::vector<std::string> classes;
  /// For annotations without a split for validation: the share of the images
  /// that is chosen for it at random. Unset: 0.2.
  std::optional<double> val_share;
  uint64_t seed = 0;
};

/// A data set that `deeplab data prepare` knows.
struct Preparation {
  const char* name;
  /// Names of the sources that it takes, in words for the user.
  const char* sources;
  /// Whether it reads annotations of one's own, so that the classes, the share
  /// and the seed of the job have an effect.
  bool own;
  /// Returns the `data.kind` of the resulting folder.
  /// Throws: DataError naming what is missing or wrong in a source.
  std::string (*run)(const PrepareJob& job);
};

/// Returns all preparations in alphabetical order.
const std::vector<Preparation>& preparations();

/// Prepares Pascal VOC 2012 with the Semantic Boundaries Dataset (SBD). Writes
/// VOC's lists and `trainaug`, the union of SBD's train and val and VOC's train
/// without VOC's val. If an image has a mask in both sets, VOC's is used.
/// Source: Hariharan et al. 2011; the split of Chen et al. 2017.
std::string prepare_sbd(const PrepareJob& job);

/// Prepares Pascal Context with its 59 classes and background, split as VOC
/// 2010.
std::string prepare_pascal_context(const PrepareJob& job);

/// Prepares annotations in COCO's format, in VOC's layout. Categories are read
/// by name. If all are COCO's, the images that have more than 1000 pixels of
/// VOC's classes are kept, with these classes; otherwise all images, with the
/// categories as classes after background. Pixels where regions of two classes
/// overlap are void.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 4.4.
std::string prepare_coco(const PrepareJob& job);

/// Prepares labelme's JSON files of shapes, one beside each photo. A later
/// shape covers an earlier one.
std::string prepare_labelme(const PrepareJob& job);

/// Prepares masks in VOC's layout from a program for annotations, whose classes
/// are in labelmap.txt (CVAT), colors.txt (Supervisely) or class_names.txt
/// (labelme).
std::string prepare_masks(const PrepareJob& job);

}  // namespace deeplab::data
