// SPDX-License-Identifier: Apache-2.0
#include "apps/run/photos.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <set>

#include <fmt/core.h>

#include "apps/machine/launcher.h"
#include "apps/machine/progress.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

bool is_photo(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), ::tolower);
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

/// Results are named after the photo's file name without folder and extension,
/// so no two photos may have the same.
void check_names(const std::vector<std::string>& photos) {
  std::map<std::string, std::string> seen;
  for (const auto& photo : photos) {
    const auto stem = fs::path(photo).stem().string();
    const auto [other, fresh] = seen.emplace(stem, photo);
    if (!fresh) {
      throw ConfigError(fmt::format(
          "{} and {}: their results would have the same names; rename one, or use two runs with different --out",
          photo, other->second
      ));
    }
  }
}

}  // namespace

std::vector<std::string> find_photos(const std::vector<std::string>& inputs) {
  std::vector<std::string> photos;
  for (const auto& input : inputs) {
    if (!fs::exists(input))
      throw DataError(fmt::format("{}: no such file", input));
    if (!fs::is_directory(input)) {
      photos.push_back(input);
      continue;
    }
    std::set<std::string> inside;
    for (const auto& entry : fs::directory_iterator(input)) {
      if (entry.is_regular_file() && is_photo(entry.path())) {
        inside.insert(entry.path().string());
      }
    }
    if (inside.empty()) {
      throw DataError(
          fmt::format("{}: holds no .jpg, .jpeg or .png file", input)
      );
    }
    photos.insert(photos.end(), inside.begin(), inside.end());
  }
  check_names(photos);
  return photos;
}

void for_each_photo(
    const std::string& verb,
    const std::vector<std::string>& photos,
    const std::shared_ptr<engine::ProcessGroup>& processes,
    const std::function<void(size_t index)>& work
) {
  const auto share = share_of(processes);
  const int64_t own = share.size(static_cast<int64_t>(photos.size()));
  std::optional<Progress> progress;
  if (is_first(processes)) progress.emplace(verb, own, 0);
  double failed = 0;
  for (int64_t done = 0; done < own; ++done) {
    const auto index = static_cast<size_t>(share.whole_index(done));
    const auto& photo = photos[index];
    try {
      work(index);
    } catch (const DataError& error) {
      const std::string problem = error.what();
      const bool named = problem.find(photo) != std::string::npos;
      const auto line =
          fmt::format("error: {}{}", named ? "" : photo + ": ", problem);
      if (progress) {
        progress->say(line);
      } else {
        std::cerr << line << '\n';
      }
      ++failed;
    }
    if (progress) progress->update(done + 1, "");
  }
  if (processes) failed = processes->sum(failed);
  if (failed == 0) return;
  throw DataError(fmt::format(
      "{} of {} photos could not be segmented", failed, photos.size()
  ));
}

}  // namespace deeplab::apps
