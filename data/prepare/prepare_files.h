// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "data/dataset/classes.h"
#include "data/prepare/prepare.h"

namespace deeplab::data {

/// Writes the files of a prepared folder and reports each one to the job.
class PreparedFolder {
 public:
  explicit PreparedFolder(const PrepareJob& job) : job_(job) {}

  /// Throws: DataError if this file exists with other contents.
  void write(const std::string& name, const std::string& bytes);
  void write_labels(
      const std::string& name, const cv::Mat& labels, const Classes& classes
  );
  /// Writes a list in VOC's layout: ImageSets/Segmentation/SPLIT.txt.
  /// Throws: DataError if the list is empty.
  void write_list(const std::string& split, const std::set<std::string>& ids);
  void write_legend(const Classes& classes);
  /// Throws: DataError if none of these folders has been written to.
  void require_one_of(const std::vector<std::string>& folders) const;

 private:
  void count();
  std::string path_of(const std::string& name);

  const PrepareJob& job_;
  int64_t files_ = 0;
  /// Paths of the files that were written.
  std::set<std::string> written_;
};

/// The end of a path: parent folder, stem and extension. Sources are searched
/// by it, since an archive may hold its files below any folder.
struct Tail {
  std::string folder;
  std::string stem;
  std::string ending;
};
Tail tail_of(const std::string& name);

/// Returns the first word of each line of a list.
std::set<std::string> ids_of(const std::string& text);

}  // namespace deeplab::data
