// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
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
};

/// A data set that `deeplab data prepare` knows.
struct Preparation {
  const char* name;
  /// Names of the sources that it takes, in words for the user.
  const char* sources;
  /// The `data.kind` of the resulting folder.
  const char* kind;
  /// Throws: DataError naming what is missing or wrong in a source.
  void (*run)(const PrepareJob& job);
};

/// Returns all preparations in alphabetical order.
const std::vector<Preparation>& preparations();

/// Prepares Pascal VOC 2012 with the Semantic Boundaries Dataset (SBD). Writes
/// VOC's lists and `trainaug`, the union of SBD's train and val and VOC's train
/// without VOC's val. If an image has a mask in both sets, VOC's is used.
/// Source: Hariharan et al. 2011; the split of Chen et al. 2017.
void prepare_sbd(const PrepareJob& job);

/// Prepares Pascal Context with its 59 classes and background, split as VOC
/// 2010.
void prepare_pascal_context(const PrepareJob& job);

/// Prepares the COCO images that have more than 1000 pixels of VOC's classes,
/// in VOC's layout. Pixels where regions of two classes overlap are void.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 4.4.
void prepare_coco(const PrepareJob& job);

}  // namespace deeplab::data
