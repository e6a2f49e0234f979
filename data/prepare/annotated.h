// SPDX-License-Identifier: Apache-2.0
// From the annotations of any program to a folder in Pascal VOC's layout.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "data/dataset/classes.h"
#include "data/prepare/prepare_files.h"

namespace deeplab::data {

/// An image that annotations describe.
struct AnnotatedImage {
  /// Path of the photo, as the annotations give it.
  std::string file;
  /// Path of the file that describes the image.
  std::string annotations;
  /// "train", "val", "test", or empty if the annotations name no split.
  std::string split;
  /// Draws the mask: u8 [H, W], each value a class or kVoid. An empty mask
  /// means that the image is left out.
  std::function<cv::Mat()> draw;
  /// Name of the image in the prepared folder, without extension. Empty: the
  /// photo's path.
  std::string id;
};

/// Returns the split that a path names by its last folder or its file name:
/// "train", "val" (also for "valid"), "test"; empty if it names none.
std::string split_of_path(const std::string& path);

/// Returns the classes of an export: the names in `wanted` or, if it is empty,
/// all of `known`. A class "background" is put in front if no name is
/// "background".
/// Throws: DataError for a name in `wanted` that is not known.
Classes choose_classes(
    const std::vector<std::string>& known,
    const std::vector<std::string>& wanted,
    const std::string& source
);

/// Writes masks, photos, lists and classes.json. Each photo is looked for in
/// all sources by the path that the annotations give, first beside the
/// annotations, and keeps its folders. If no image has the split val, a random
/// share of the other images gets it.
/// Throws: DataError naming a photo that is missing, or that is in several
///         places or has the name of another.
void write_annotated(
    const PrepareJob& job,
    const std::vector<AnnotatedImage>& images,
    const Classes& classes
);

}  // namespace deeplab::data
