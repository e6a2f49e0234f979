// SPDX-License-Identifier: Apache-2.0
// Finding the files of a data set.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deeplab::data {

/// Return true if a file name has the extension of a photo, or of a mask, that
/// image_file.h reads, in upper or lower case.
bool is_photo_name(const std::string& path);
bool is_mask_name(const std::string& path);

/// Returns a path without its extension.
std::string without_ending(const std::string& path);

/// Returns the extensions of photos as text: ".jpg, .jpeg, .png, ...".
std::string photo_endings();

/// Returns true if a part of the path is hidden or belongs to an operating
/// system or archiver, e.g. .DS_Store, Thumbs.db, desktop.ini, ._photo.jpg and
/// __MACOSX.
bool is_clutter(const std::string& path);

/// Return `stem` with the extension of the photo, or of the mask, that exists.
/// If there is none, they return it with .jpg, or with .png.
std::string find_image(const std::string& stem);
std::string find_mask(const std::string& stem);

/// An image that a list names.
struct ListedImage {
  /// The image's name without extension. For a pair of paths, it is the photo's
  /// path without its first folder.
  std::string id;
  /// Paths of photo and mask below the data set's folder. Empty if the list
  /// gives only the ID.
  std::string image;
  std::string mask;
  /// The line's number, from 1, and its text, for error messages.
  int64_t line = 0;
  std::string text;
};

/// Reads a list with one image per line: an ID, which may contain spaces, or a
/// photo and its mask, such as "/JPEGImages/a.jpg /SegmentationClassAug/a.png".
/// An ID loses the extension of a photo. Byte order marks and UTF-16 are
/// understood, and lines that begin with # are left out.
/// Throws: DataError naming list and line, for a repeated ID; DataError for an
///         empty list.
std::vector<ListedImage> read_list(const std::string& path);

/// Returns the IDs of read_list().
std::vector<std::string> read_ids(const std::string& path);

/// Returns the paths, relative to `folder` and in alphabetical order, of all
/// files below it whose names end in `ending`. Clutter is left out.
/// Throws: DataError if there is no such folder.
std::vector<std::string> list_files(
    const std::string& folder, const std::string& ending
);

}  // namespace deeplab::data
