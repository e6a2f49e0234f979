// SPDX-License-Identifier: Apache-2.0
#include "data/files/listing.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <set>
#include <sstream>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "data/files/text_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

namespace fs = std::filesystem;

constexpr std::array kPhotoEndings{".jpg",  ".jpeg", ".png", ".bmp", ".tif",
                                   ".tiff", ".webp", ".ppm", ".pgm"};
/// Files that keep every value.
constexpr std::array kMaskEndings{".png", ".bmp", ".tif", ".tiff"};

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::toupper(c));
  });
  return text;
}

template <class Endings>
bool has_ending(const std::string& path, const Endings& endings) {
  const auto own = lower_case(fs::path(path).extension().string());
  return std::find(endings.begin(), endings.end(), own) != endings.end();
}

template <class Endings>
std::string find(const std::string& stem, const Endings& endings) {
  for (const char* ending : endings) {
    for (const auto& path : {stem + ending, stem + upper(ending)}) {
      if (fs::exists(path)) return path;
    }
  }
  return stem + endings.front();
}

/// Returns the position of the space between the paths of a photo and of its
/// mask; npos if the line is not such a pair.
size_t space_of_pair(const std::string& line) {
  if (!is_mask_name(line)) return std::string::npos;
  for (size_t at = line.find_first_of(" \t"); at != std::string::npos;
       at = line.find_first_of(" \t", at + 1)) {
    if (is_photo_name(line.substr(0, at))) return at;
  }
  return std::string::npos;
}

/// Returns a listed path without leading slashes and dots.
std::string relative(const std::string& path) {
  return fs::path(path).lexically_normal().relative_path().string();
}

ListedImage parse_line(const std::string& line) {
  ListedImage listed;
  listed.text = line;
  const auto space = space_of_pair(line);
  if (space == std::string::npos) {
    listed.id = is_photo_name(line) ? without_ending(line) : line;
    return listed;
  }
  listed.image = relative(line.substr(0, space));
  listed.mask = relative(trimmed(line.substr(space)));
  const auto slash = listed.image.find('/');
  listed.id = without_ending(
      slash == std::string::npos ? listed.image : listed.image.substr(slash + 1)
  );
  return listed;
}

}  // namespace

std::string without_ending(const std::string& path) {
  return fs::path(path).replace_extension().generic_string();
}

bool is_photo_name(const std::string& path) {
  return has_ending(path, kPhotoEndings);
}

bool is_mask_name(const std::string& path) {
  return has_ending(path, kMaskEndings);
}

std::string photo_endings() {
  return fmt::format("{}", fmt::join(kPhotoEndings, ", "));
}

bool is_clutter(const std::string& path) {
  for (const auto& part : fs::path(path)) {
    const auto name = lower_case(part.string());
    if (name == "thumbs.db" || name == "desktop.ini" || name == "__macosx") {
      return true;
    }
    if (name.size() > 1 && name[0] == '.' && name != "..") return true;
  }
  return false;
}

std::string find_image(const std::string& stem) {
  return find(stem, kPhotoEndings);
}

std::string find_mask(const std::string& stem) {
  return find(stem, kMaskEndings);
}

std::vector<ListedImage> read_list(const std::string& path) {
  std::vector<ListedImage> images;
  std::set<std::string> seen;
  std::istringstream lines(read_text_file(path));
  std::string line;
  for (int64_t number = 1; std::getline(lines, line); ++number) {
    line = trimmed(line);
    if (line.empty() || line[0] == '#') continue;
    images.push_back(parse_line(line));
    images.back().line = number;
    if (!seen.insert(images.back().id).second) {
      throw DataError(fmt::format(
          "{}: line {}: duplicate ID {}", path, number, images.back().id
      ));
    }
  }
  if (images.empty()) {
    throw DataError(fmt::format("{}: lists no images", path));
  }
  return images;
}

std::vector<std::string> read_ids(const std::string& path) {
  std::vector<std::string> ids;
  for (const auto& image : read_list(path)) ids.push_back(image.id);
  return ids;
}

std::vector<std::string> list_files(
    const std::string& folder, const std::string& ending
) {
  if (!fs::is_directory(folder)) {
    throw DataError(fmt::format("{}: no such folder", folder));
  }
  std::vector<std::string> files;
  try {
    for (const auto& entry : fs::recursive_directory_iterator(
             folder, fs::directory_options::follow_directory_symlink
         )) {
      const auto path = entry.path().lexically_relative(folder).string();
      const bool ends =
          path.size() >= ending.size() &&
          path.compare(path.size() - ending.size(), ending.size(), ending) == 0;
      // A link to a missing file is listed, so that it is an error to read it.
      const bool is_file = entry.is_regular_file() || !entry.exists();
      if (ends && is_file && !is_clutter(path)) files.push_back(path);
    }
  } catch (const fs::filesystem_error& error) {
    throw DataError(
        fmt::format("{}: {}", error.path1().string(), error.code().message())
    );
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace deeplab::data
