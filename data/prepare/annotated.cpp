// SPDX-License-Identifier: Apache-2.0
#include "data/prepare/annotated.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <map>
#include <tuple>

#include <fmt/core.h>

#include "data/files/archive.h"
#include "data/files/listing.h"
#include "data/files/text_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"
#include "deeplab/core/random.h"

namespace deeplab::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBackground = "background";

/// Returns a path with forward slashes, without a root and without "..".
std::string clean_path(std::string path) {
  std::replace(path.begin(), path.end(), '\\', '/');
  fs::path result;
  for (const auto& part : fs::path(path).relative_path().lexically_normal()) {
    if (part != ".." && part != ".") result /= part;
  }
  return result.generic_string();
}

bool ends_with_path(const std::string& path, const std::string& end) {
  const auto whole = "/" + path;
  return whole.size() > end.size() &&
         whole.compare(
             whole.size() - end.size() - 1, std::string::npos, "/" + end
         ) == 0;
}

/// A photo in one of the sources.
struct SourcePhoto {
  size_t source;
  std::string name;

  bool operator<(const SourcePhoto& other) const {
    return std::tie(source, name) < std::tie(other.source, other.name);
  }
  bool operator==(const SourcePhoto& other) const {
    return source == other.source && name == other.name;
  }
};

/// The photos of all sources, by file name.
class Photos {
 public:
  explicit Photos(const std::vector<std::string>& sources) {
    for (size_t i = 0; i < sources.size(); ++i) {
      const auto note = [&](const std::string& name) {
        if (is_photo_name(name)) {
          by_name_[fs::path(name).filename().string()].push_back({i, name});
        }
        return false;
      };
      read_files(sources[i], note, [](const auto&, const auto&) {});
    }
  }

  const SourcePhoto& find(const AnnotatedImage& image) const {
    const auto file = clean_path(image.file);
    const auto found = by_name_.find(fs::path(file).filename().string());
    if (found == by_name_.end()) {
      throw DataError(fmt::format(
          "{}: the sources do not contain the photo {}; name all sources",
          image.annotations, image.file
      ));
    }
    const auto beside =
        (fs::path(image.annotations).parent_path() / file).generic_string();
    std::vector<SourcePhoto> candidates = found->second;
    // Each rule applies only if it leaves a photo.
    narrow(candidates, [&](const SourcePhoto& photo) {
      return ends_with_path(photo.name, file);
    });
    narrow(candidates, [&](const SourcePhoto& photo) {
      return photo.name == beside;
    });
    narrow(candidates, [&](const SourcePhoto& photo) {
      return !image.split.empty() && split_of_path(photo.name) == image.split;
    });
    if (candidates.size() > 1) {
      throw DataError(fmt::format(
          "{}: the photo {} may be {} or {}; give only one of them",
          image.annotations, image.file, candidates[0].name, candidates[1].name
      ));
    }
    return *std::find(
        found->second.begin(), found->second.end(), candidates.front()
    );
  }

 private:
  template <class Holds>
  static void narrow(std::vector<SourcePhoto>& candidates, const Holds& holds) {
    std::vector<SourcePhoto> left;
    std::copy_if(
        candidates.begin(), candidates.end(), std::back_inserter(left), holds
    );
    if (!left.empty()) candidates = left;
  }

  std::map<std::string, std::vector<SourcePhoto>> by_name_;
};

/// Gives each image an ID, its path without extension. If images of several
/// splits would have the same ID, all IDs begin with the split's name.
class ImageIds {
 public:
  ImageIds(
      const std::vector<AnnotatedImage>& images,
      const std::vector<SourcePhoto>& photos
  ) {
    for (const bool with_split : {false, true}) {
      ids_.clear();
      if (collision(images, photos, with_split).empty()) return;
    }
    throw DataError(collision(images, photos, /*with_split=*/true));
  }
  const std::string& operator[](size_t index) const { return ids_[index]; }

 private:
  std::string collision(
      const std::vector<AnnotatedImage>& images,
      const std::vector<SourcePhoto>& photos,
      bool with_split
  ) {
    std::map<std::string, size_t> seen;
    std::string problem;
    for (size_t i = 0; i < images.size(); ++i) {
      auto id = images[i].id.empty()
                    ? without_ending(clean_path(images[i].file))
                    : images[i].id;
      if (with_split && !images[i].split.empty()) {
        id = images[i].split + "/" + id;
      }
      const auto [other, is_new] = seen.emplace(id, i);
      if (!is_new && !(photos[other->second] == photos[i])) {
        problem = fmt::format(
            "{}: the photos {} and {} would both become {}; rename one of them",
            images[i].annotations, photos[other->second].name, photos[i].name,
            id
        );
      }
      ids_.push_back(id);
    }
    return problem;
  }

  std::vector<std::string> ids_;
};

/// Moves a random share of the images to the split val.
void split_at_random(
    const PrepareJob& job, std::map<std::string, std::set<std::string>>& splits
) {
  constexpr double kUsualShare = 0.2;
  std::set<std::string> all = splits[""];
  all.insert(splits["train"].begin(), splits["train"].end());
  const std::vector<std::string> ids(all.begin(), all.end());
  const auto count = static_cast<int64_t>(ids.size());
  if (count < 2) {
    throw DataError(fmt::format(
        "{}: has {} images; expected 2 or more, for training and validation",
        job.sources.front(), count
    ));
  }
  const double share = job.val_share.value_or(kUsualShare);
  const auto wanted =
      static_cast<int64_t>(std::lround(share * static_cast<double>(count)));
  const auto held = std::clamp<int64_t>(wanted, 1, count - 1);
  splits.erase("");
  splits["train"] = all;
  Random random(job.seed);
  const auto order = random.permutation(count);
  for (int64_t i = 0; i < held; ++i) {
    const auto& id = ids[static_cast<size_t>(order[static_cast<size_t>(i)])];
    splits["train"].erase(id);
    splits["val"].insert(id);
  }
  if (!job.say) return;
  job.say(fmt::format(
      "no images for validation are named, so {} of {} were chosen at random (--val-share {:g} --seed {})",
      held, count, share, job.seed
  ));
}

void make_splits(
    const PrepareJob& job, std::map<std::string, std::set<std::string>>& splits
) {
  if (splits["val"].empty()) {
    // Images that are all named test are not named after a split.
    if (splits[""].empty() && splits["train"].empty()) {
      splits[""].swap(splits["test"]);
    }
    return split_at_random(job, splits);
  }
  if (job.val_share) {
    throw DataError(fmt::format(
        "{}: has images for validation already; remove --val-share",
        job.sources.front()
    ));
  }
  // Images of no split are trained on if others are validated on.
  splits["train"].merge(splits[""]);
  splits.erase("");
}

}  // namespace

std::string split_of_path(const std::string& path) {
  const fs::path parts(lower_case(clean_path(path)));
  const auto folder = parts.parent_path().filename().string();
  for (const auto& part : {parts.stem().string(), folder}) {
    for (const char* split : {"train", "val", "test"}) {
      const auto at = part.find(split);
      if (at == std::string::npos) continue;
      // Not within a word, as in "trained" or "interval".
      const bool begins =
          at == 0 ||
          std::isalpha(static_cast<unsigned char>(part[at - 1])) == 0;
      const auto rest = part.substr(at + std::string(split).size());
      const bool ends =
          rest.empty() ||
          std::isalpha(static_cast<unsigned char>(rest[0])) == 0 ||
          rest == "id" || rest.rfind("idation", 0) == 0 ||
          rest.rfind("ing", 0) == 0;
      if (begins && ends) return split;
    }
  }
  return "";
}

Classes choose_classes(
    const std::vector<std::string>& known,
    const std::vector<std::string>& wanted,
    const std::string& source
) {
  for (const auto& name : wanted) {
    const bool is_known =
        name == kBackground ||
        std::find(known.begin(), known.end(), name) != known.end();
    if (is_known) continue;
    throw DataError(unknown_name(source + ": --classes", name, known));
  }
  auto names = wanted.empty() ? known : wanted;
  if (std::find(names.begin(), names.end(), kBackground) == names.end()) {
    names.insert(names.begin(), kBackground);
  }
  return make_classes(names, {});
}

void write_annotated(
    const PrepareJob& job,
    const std::vector<AnnotatedImage>& images,
    const Classes& classes
) {
  const Photos available(job.sources);
  std::vector<SourcePhoto> photos;
  photos.reserve(images.size());
  for (const auto& image : images) photos.push_back(available.find(image));
  const ImageIds ids(images, photos);
  PreparedFolder out(job);
  std::map<std::string, std::set<std::string>> splits;
  std::map<SourcePhoto, std::set<std::string>> targets;
  for (size_t i = 0; i < images.size(); ++i) {
    const auto mask = images[i].draw();
    if (mask.empty()) continue;
    out.write_labels("SegmentationClass/" + ids[i] + ".png", mask, classes);
    splits[images[i].split].insert(ids[i]);
    targets[photos[i]].insert(
        "JPEGImages/" + ids[i] +
        lower_case(fs::path(photos[i].name).extension())
    );
  }
  make_splits(job, splits);
  for (size_t i = 0; i < job.sources.size(); ++i) {
    read_files(
        job.sources[i],
        [&](const std::string& name) {
          return targets.count({i, name}) > 0;
        },
        [&](const std::string& name, const std::string& bytes) {
          for (const auto& target : targets.at({i, name})) {
            out.write(target, bytes);
          }
        }
    );
  }
  out.write_legend(classes);
  for (const auto& [split, members] : splits) {
    if (split != "test" || !members.empty()) out.write_list(split, members);
  }
}

}  // namespace deeplab::data
