// SPDX-License-Identifier: Apache-2.0
#include "apps/run/photos.h"

#include <array>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/core.h>

#include "apps/machine/launcher.h"
#include "apps/machine/progress.h"
#include "data/files/listing.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

/// Ends of the names of results that are pictures.
constexpr std::array kResults{"_mask.png", "_overlay.png", "_steps.png"};
/// Ends of the names of other results.
constexpr std::array kScores{"_logits.npy", "_probabilities.npy"};

/// Returns the name of the photo whose result a file is, by its name; empty if
/// it has none of these ends.
template <class Ends>
std::string photo_of_result(const std::string& name, const Ends& ends) {
  for (const std::string_view end : ends) {
    if (name.size() <= end.size()) continue;
    const auto begin = name.size() - end.size();
    if (name.compare(begin, end.size(), end) == 0) return name.substr(0, begin);
  }
  return "";
}

/// No two photos may have results of the same name.
void check_names(const std::vector<Photo>& photos) {
  std::map<std::string, std::string> seen;
  for (const auto& photo : photos) {
    const auto [other, fresh] = seen.emplace(photo.name, photo.path);
    if (!fresh) {
      throw ConfigError(fmt::format(
          "{} and {}: their results would have the same names; rename one, or use two runs with different --out",
          photo.path, other->second
      ));
    }
  }
}

/// The contents of one folder.
class Folder {
 public:
  Folder(const std::string& root, const PhotoSearch& search) : root_(root) {
    std::error_code ignored;
    const auto out = fs::weakly_canonical(search.out, ignored);
    const bool out_is_inside =
        !search.out.empty() && out != fs::weakly_canonical(root, ignored);
    for (fs::recursive_directory_iterator entry(
             root, fs::directory_options::follow_directory_symlink
         );
         entry != fs::recursive_directory_iterator(); ++entry) {
      if (entry->is_directory()) {
        const bool is_out = out_is_inside &&
                            fs::weakly_canonical(entry->path(), ignored) == out;
        if (search.recursive && !is_out) continue;
        if (!is_out) ++folders_;
        entry.disable_recursion_pending();
      } else if (entry->is_regular_file()) {
        add(entry->path().lexically_relative(root).string());
      }
    }
    for (const auto& name : photos_) names_.insert(data::without_ending(name));
  }

  std::vector<Photo> photos() const {
    std::vector<Photo> found;
    for (const auto& name : photos_) {
      if (is_result(name, kResults)) continue;
      found.push_back(
          {(fs::path(root_) / name).string(), data::without_ending(name)}
      );
    }
    return found;
  }

  /// Returns what is left out, e.g. "3 results of an earlier run, 2 .gif
  /// files"; empty if nothing is.
  std::string left_out() const {
    std::map<std::string, int64_t> kinds;
    for (const auto& name : photos_) {
      if (is_result(name, kResults)) ++kinds["results of an earlier run"];
    }
    for (const auto& name : others_) {
      const auto ending = fs::path(name).extension().string();
      ++kinds
          [is_result(name, kScores) ? "results of an earlier run"
           : ending.empty()         ? "files without extension"
                                    : ending + " files"];
    }
    std::string text;
    for (const auto& [kind, count] : kinds) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kind);
    }
    if (folders_ > 0) {
      text += fmt::format(
          "{}{} folders (--recursive takes them)", text.empty() ? "" : ", ",
          folders_
      );
    }
    return text;
  }

 private:
  void add(const std::string& name) {
    if (data::is_clutter(name)) return;
    (data::is_photo_name(name) ? photos_ : others_).insert(name);
  }
  template <class Ends>
  bool is_result(const std::string& name, const Ends& ends) const {
    return names_.count(photo_of_result(name, ends)) > 0;
  }

  std::string root_;
  /// Paths of files below the folder.
  std::set<std::string> photos_;
  std::set<std::string> others_;
  /// Paths of the photos without extension.
  std::set<std::string> names_;
  int64_t folders_ = 0;
};

Folder open_folder(const std::string& path, const PhotoSearch& search) {
  try {
    return {path, search};
  } catch (const fs::filesystem_error& error) {
    throw DataError(
        fmt::format("{}: {}", error.path1().string(), error.code().message())
    );
  }
}

}  // namespace

std::vector<Photo> find_photos(
    const std::vector<std::string>& inputs, const PhotoSearch& search
) {
  std::vector<Photo> photos;
  for (const auto& input : inputs) {
    if (!fs::exists(input))
      throw DataError(fmt::format("{}: no such file", input));
    if (!fs::is_directory(input)) {
      photos.push_back({input, fs::path(input).stem().string()});
      continue;
    }
    const auto folder = open_folder(input, search);
    const auto inside = folder.photos();
    const auto left_out = folder.left_out();
    if (inside.empty()) {
      throw DataError(fmt::format(
          "{}: holds no {} file{}{}", input, data::photo_endings(),
          left_out.empty() ? "" : "; it holds ", left_out
      ));
    }
    if (!left_out.empty()) {
      std::cerr << fmt::format("{}: left out: {}\n", input, left_out);
    }
    photos.insert(photos.end(), inside.begin(), inside.end());
  }
  check_names(photos);
  return photos;
}

void for_each_photo(
    const std::string& verb,
    const std::vector<Photo>& photos,
    const std::shared_ptr<engine::ProcessGroup>& processes,
    const std::function<void(const Photo& photo)>& work
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
      work(photo);
    } catch (const DataError& error) {
      const std::string problem = error.what();
      const bool named = problem.find(photo.path) != std::string::npos;
      const auto line =
          fmt::format("error: {}{}", named ? "" : photo.path + ": ", problem);
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
