// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/dataset/dataset.h"
#include "data/dataset/legend.h"

namespace deeplab::data {

/// Paths of one image and its mask.
struct FilePair {
  /// Name of the results for this image; unique in its split.
  std::string id;
  std::string image;
  std::string mask;
};

/// Contents of an image file and its mask file, not decoded yet. The names are
/// for error messages.
struct PairBytes {
  std::string image_name;
  std::string image;
  std::string mask_name;
  std::string mask;
};

/// A split whose images and masks are files. The data sets differ in the paths
/// of the files and in the meaning of the mask values.
class FileDataset : public Dataset {
 public:
  /// The void values of `config` replace those of `legend`.
  /// Throws: DataError whose message begins with `source` (a folder or list),
  ///         if there are no pairs or if two have the same ID; ConfigError if
  ///         data.void contains the value of a class.
  FileDataset(
      const DataConfig& config,
      std::vector<FilePair> pairs,
      Legend legend,
      const std::string& source
  );

  int64_t size() const override;
  std::string id(int64_t index) const override;
  const Classes& classes() const override { return legend_.classes; }
  /// Decodes a pair. The EXIF orientation of each file is applied, of the mask
  /// as of the photo; after that, both must have the same size.
  RawSample load(int64_t index) const override;
  /// Decodes only the mask of a pair.
  ///
  /// Shapes: -> u8 [H, W], each value a class or kVoid.
  cv::Mat load_labels(int64_t index) const;

  /// Returns the contents of both files.
  virtual PairBytes bytes(int64_t index) const;
  const Legend& legend() const { return legend_; }

 private:
  cv::Mat labels_of(const PairBytes& pair) const;

  std::vector<FilePair> pairs_;
  Legend legend_;
};

}  // namespace deeplab::data
