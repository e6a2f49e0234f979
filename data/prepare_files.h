// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "data/classes.h"
#include "data/prepare.h"

namespace deeplab::data {

/// The files of a prepared folder, as they come.
class PreparedFolder {
 public:
  explicit PreparedFolder(const PrepareJob& job) : job_(job) {}

  void write(const std::string& name, const std::string& bytes);
  void write_labels(
      const std::string& name, const cv::Mat& labels, const Classes& classes
  );
  /// A list of VOC's layout: ImageSets/Segmentation/SPLIT.txt.
  /// Throws: DataError where it would list nothing.
  void write_list(const std::string& split, const std::set<std::string>& ids);
  void write_legend(const Classes& classes);
  /// Throws: DataError where none of these folders has been written to.
  void require_one_of(const std::vector<std::string>& folders) const;

 private:
  void count();

  const PrepareJob& job_;
  int64_t files_ = 0;
};

/// The last two parts of a path, its folder and its stem: an archive may hold
/// its files below any folder.
struct Tail {
  std::string folder;
  std::string stem;
  std::string ending;
};
Tail tail_of(const std::string& name);

/// The lines of a list, first words only.
std::set<std::string> ids_of(const std::string& text);

}  // namespace deeplab::data
