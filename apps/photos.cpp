// SPDX-License-Identifier: Apache-2.0
#include "apps/photos.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <set>

#include "apps/progress.h"
#include "apps/world.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

bool is_photo(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), ::tolower);
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

/// Results are named after the photo alone, so two must not share a name.
void check_names(const std::vector<std::string>& photos) {
  std::map<std::string, std::string> seen;
  for (const auto& photo : photos) {
    const auto stem = fs::path(photo).stem().string();
    const auto [other, fresh] = seen.emplace(stem, photo);
    if (!fresh) {
      throw ConfigError(
          str(photo,
              " and ",
              other->second,
              " would share their results' names; keep them in two folders")
      );
    }
  }
}

}  // namespace

std::vector<std::string> find_photos(const std::vector<std::string>& inputs) {
  std::vector<std::string> photos;
  for (const auto& input : inputs) {
    if (!fs::exists(input)) throw DataError(str(input, ": no such file"));
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
      throw DataError(str(input, ": holds no .jpg, .jpeg or .png"));
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
  const int64_t share =
      own_share(static_cast<int64_t>(photos.size()), processes);
  std::optional<Progress> progress;
  if (is_first(processes)) progress.emplace(verb, share, 0);
  double failed = 0;
  for (int64_t done = 0; done < share; ++done) {
    const auto index = static_cast<size_t>(whole_index(done, processes));
    const auto& photo = photos[index];
    try {
      work(index);
    } catch (const DataError& error) {
      const std::string problem = error.what();
      const bool named = problem.find(photo) != std::string::npos;
      const auto line = str("error: ", named ? "" : photo + ": ", problem);
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
  throw DataError(
      str(failed, " of ", photos.size(), " photos could not be segmented")
  );
}

}  // namespace deeplab::apps
