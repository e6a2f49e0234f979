// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace deeplab::data {

/// How a public data set becomes a folder that a loader reads.
struct PrepareJob {
  /// What its owner publishes: archives, or folders with the same in them.
  std::vector<std::string> sources;
  /// A folder that is new or empty; of no use until all is done.
  std::string out;
  /// Told of each file that is written; may be empty.
  std::function<void(int64_t files)> on_file;
};

/// A data set that `deeplab data prepare` knows.
struct Preparation {
  const char* name;
  /// Which sources it takes.
  const char* sources;
  /// The kind of the folder that comes out, for data.kind.
  const char* kind;
  /// Throws: DataError naming what is missing or wrong in a source.
  void (*run)(const PrepareJob& job);
};

/// All of them, in alphabetical order.
const std::vector<Preparation>& preparations();

/// Pascal VOC 2012 with the Semantic Boundaries Dataset: VOC's lists, and
/// trainaug, which is SBD's train and val and VOC's train, less VOC's val.
/// VOC's own masks where there are both.
/// Source: Hariharan et al. 2011; the split of Chen et al. 2017.
void prepare_sbd(const PrepareJob& job);

/// Pascal Context's 59 classes and background, split as VOC 2010.
void prepare_pascal_context(const PrepareJob& job);

/// COCO's images that have more than 1000 pixels of VOC's classes, in VOC's
/// layout. Where regions of two classes overlap is void.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 4.4.
void prepare_coco(const PrepareJob& job);

}  // namespace deeplab::data
