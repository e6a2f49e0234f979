// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/legend.h"

namespace deeplab::data {

/// Where one image and its truth lie.
struct FilePair {
  /// Names results; unique in its split.
  std::string id;
  std::string image;
  std::string mask;
};

/// The same as bytes, not decoded yet; the names are for messages.
struct PairBytes {
  std::string image_name;
  std::string image;
  std::string mask_name;
  std::string mask;
};

/// A split whose images and masks are files. What the data sets differ in is
/// where the files lie and what the masks' values mean.
class FileDataset : public Dataset {
 public:
  /// Throws: DataError that begins with `source` (a folder or list) where there
  ///         are no pairs, or two of one ID.
  FileDataset(
      std::vector<FilePair> pairs, Legend legend, const std::string& source
  );

  int64_t size() const override;
  std::string id(int64_t index) const override;
  const Classes& classes() const override { return legend_.classes; }
  /// Each file's own EXIF orientation is applied, the mask's as the photo's;
  /// after it both must have the same size.
  RawSample load(int64_t index) const override;

  /// As they lie on disk.
  virtual PairBytes bytes(int64_t index) const;
  const Legend& legend() const { return legend_; }

 private:
  std::vector<FilePair> pairs_;
  Legend legend_;
};

/// `stem` with the ending of the photo that lies there: .jpg, .jpeg or .png; or
/// .jpg where none does.
std::string find_image(const std::string& stem);

/// The lines of a list of IDs.
/// Throws: DataError naming list and line, for more than a word or an ID again.
std::vector<std::string> read_ids(const std::string& path);

/// Paths of the files under `folder` whose names end so, relative to it, in
/// alphabetical order.
/// Throws: DataError where there is no such folder.
std::vector<std::string> list_files(
    const std::string& folder, const std::string& ending
);

}  // namespace deeplab::data
