// SPDX-License-Identifier: Apache-2.0
#include "data/files/listing.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include <fmt/core.h>

#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {

namespace fs = std::filesystem;

std::string find_image(const std::string& stem) {
  for (const char* ending : {".jpeg", ".png"}) {
    if (fs::exists(stem + ".jpg")) break;
    if (fs::exists(stem + ending)) return stem + ending;
  }
  return stem + ".jpg";
}

std::vector<std::string> read_ids(const std::string& path) {
  std::vector<std::string> ids;
  std::set<std::string> seen;
  std::istringstream lines(read_file(path));
  std::string line;
  for (int64_t number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line);
    std::string id;
    std::string more;
    if (!(words >> id)) continue;
    if (words >> more) {
      throw DataError(fmt::format(
          "{}: line {} is \"{}\"; expected one ID", path, number, line
      ));
    }
    if (!seen.insert(id).second) {
      throw DataError(
          fmt::format("{}: line {}: duplicate ID {}", path, number, id)
      );
    }
    ids.push_back(id);
  }
  if (ids.empty()) throw DataError(fmt::format("{}: lists no images", path));
  return ids;
}

std::vector<std::string> list_files(
    const std::string& folder, const std::string& ending
) {
  if (!fs::is_directory(folder)) {
    throw DataError(fmt::format("{}: no such folder", folder));
  }
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(
           folder, fs::directory_options::follow_directory_symlink
       )) {
    const auto path = entry.path().lexically_relative(folder).string();
    const bool ends =
        path.size() >= ending.size() &&
        path.compare(path.size() - ending.size(), ending.size(), ending) == 0;
    if (ends && entry.is_regular_file()) files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace deeplab::data
