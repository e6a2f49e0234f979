// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include <fmt/core.h>

#include "data/dataset/label_map.h"
#include "data/files/archive.h"
#include "data/files/image_file.h"
#include "data/files/listing.h"
#include "data/files/text_file.h"
#include "data/prepare/annotated.h"
#include "data/prepare/prepare.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

/// A class and its color in the masks. Without color, the masks have its index.
struct NamedColor {
  std::string name;
  std::optional<Color> color;
};

/// Names that stand for pixels of no class.
bool is_void(const std::string& name) {
  return name == "neutral" || name == "void" || name == "__ignore__";
}

std::string class_name(const std::string& name) {
  return name == "_background_" ? "background" : name;
}

/// Reads the lines of a file of classes: "NAME:R,G,B:parts:actions"
/// (labelmap.txt), "NAME R G B" (colors.txt), or "NAME" (class_names.txt).
std::vector<NamedColor> read_colors(
    const std::string& bytes, const std::string& file
) {
  const bool has_colors = tail_of(file).stem != "class_names";
  std::vector<NamedColor> classes;
  std::istringstream lines(decode_text(bytes, file));
  for (std::string line; std::getline(lines, line);) {
    line = trimmed(line);
    if (line.empty() || line[0] == '#') continue;
    if (!has_colors) {
      classes.push_back({class_name(line), std::nullopt});
      continue;
    }
    // The name may contain spaces, but ends at the first colon, or before the
    // last three words.
    const auto colon = line.find(':');
    auto name = line.substr(0, colon);
    auto rest = colon == std::string::npos ? "" : line.substr(colon + 1);
    if (colon == std::string::npos) {
      size_t at = line.size();
      for (int words = 0; words < 3 && at != std::string::npos; ++words) {
        at = line.find_last_of(' ', at - 1);
      }
      if (at != std::string::npos) {
        name = line.substr(0, at);
        rest = line.substr(at);
      }
    }
    std::replace(rest.begin(), rest.end(), ',', ' ');
    std::istringstream numbers(rest.substr(0, rest.find(':')));
    std::vector<int64_t> parts(3, -1);
    for (auto& part : parts) numbers >> part;
    classes.push_back(
        {class_name(trimmed(name)),
         to_color(parts, fmt::format("{}: the color of \"{}\"", file, name))}
    );
  }
  return classes;
}

bool is_class_file(const std::string& name) {
  const auto tail = tail_of(name);
  return tail.stem + tail.ending == "labelmap.txt" ||
         tail.stem + tail.ending == "colors.txt" ||
         tail.stem + tail.ending == "class_names.txt";
}

/// Returns whether a path is that of a mask of classes: labelme writes palette
/// PNGs into a folder of another name.
bool is_mask(const std::string& name) {
  if (!is_mask_name(name)) return false;
  const auto path = "/" + name;
  return path.find("/SegmentationClass/") != std::string::npos ||
         path.find("/SegmentationClassPNG/") != std::string::npos;
}

/// Returns the path of a mask below its folder, without extension.
std::string id_of(const std::string& name) {
  const auto at = name.find("SegmentationClass");
  const auto below = name.substr(name.find('/', at) + 1);
  return without_ending(below);
}

struct Export {
  std::vector<NamedColor> classes;
  /// Contents of the masks by ID.
  std::map<std::string, std::string> masks;
  /// Split of each listed image by ID.
  std::map<std::string, std::string> splits;
  std::string class_file;
  /// Paths of the photos.
  std::vector<std::string> photos;
};

void note_list(const std::string& bytes, const std::string& name, Export& out) {
  const auto split = split_of_path(tail_of(name).stem);
  std::istringstream lines(decode_text(bytes, name));
  for (std::string line; std::getline(lines, line);) {
    if (!trimmed(line).empty()) out.splits[trimmed(line)] = split;
  }
}

Export read_export(const PrepareJob& job) {
  Export result;
  const auto is_list = [](const std::string& name) {
    return name.find("ImageSets/Segmentation/") != std::string::npos &&
           tail_of(name).ending == ".txt";
  };
  for (const auto& source : job.sources) {
    read_files(
        source,
        [&](const std::string& name) {
          const bool is_drawn = name.find("Segmentation") != std::string::npos;
          if (is_photo_name(name) && !is_drawn) result.photos.push_back(name);
          return is_class_file(name) || is_mask(name) || is_list(name);
        },
        [&](const std::string& name, const std::string& bytes) {
          if (is_mask(name)) {
            if (result.masks.emplace(id_of(name), bytes).second) return;
            throw DataError(fmt::format("{}: a second mask of this name", name)
            );
          }
          if (is_list(name)) return note_list(bytes, name, result);
          if (!result.classes.empty()) {
            throw DataError(fmt::format("{}: a second list of classes", name));
          }
          result.classes = read_colors(bytes, name);
          result.class_file = name;
        }
    );
  }
  const auto require = [&](bool holds, const char* what) {
    if (holds) return;
    throw DataError(fmt::format(
        "{}: the sources do not contain {}; name all sources",
        job.sources.front(), what
    ));
  };
  require(
      !result.classes.empty(), "labelmap.txt, colors.txt or class_names.txt"
  );
  require(!result.masks.empty(), "masks in SegmentationClass");
  return result;
}

/// Returns the photo of a mask; throws a DataError if there is none.
std::string photo_of(const std::string& id, const Export& read) {
  for (const auto& photo : read.photos) {
    const auto stem = "/" + without_ending(photo);
    const auto end = "/" + id;
    const bool fits =
        stem.size() >= end.size() &&
        stem.compare(stem.size() - end.size(), std::string::npos, end) == 0;
    if (fits) return photo;
  }
  throw DataError(fmt::format(
      "{}: the sources do not contain the photo of the mask {}; name all sources",
      read.class_file, id
  ));
}

/// Returns a map from the colors, or indices, of the masks to classes.
LabelMap map_of(const std::vector<NamedColor>& named, const Classes& classes) {
  const auto& names = classes.names;
  const auto background =
      std::find(names.begin(), names.end(), "background") - names.begin();
  LabelMap map;
  map.set_index(kVoid, kVoid);
  for (size_t i = 0; i < named.size(); ++i) {
    const auto& [name, color] = named[i];
    const auto found = std::find(names.begin(), names.end(), name);
    // A name that --classes leaves out is background.
    const int64_t label = is_void(name)          ? kVoid
                          : found == names.end() ? background
                                                 : found - names.begin();
    map.set_index(static_cast<int64_t>(i), label);
    if (color) map.set_color(*color, label);
  }
  return map;
}

}  // namespace

std::string prepare_masks(const PrepareJob& job) {
  const auto read = read_export(job);
  std::vector<std::string> names;
  for (const auto& named : read.classes) {
    if (!is_void(named.name)) names.push_back(named.name);
  }
  const auto classes = choose_classes(names, job.classes, read.class_file);
  const auto map = map_of(read.classes, classes);
  std::vector<AnnotatedImage> images;
  for (const auto& [id, mask] : read.masks) {
    const auto split = read.splits.find(id);
    if (split == read.splits.end() && !read.splits.empty()) continue;
    images.push_back(
        {photo_of(id, read), read.class_file,
         split == read.splits.end() ? "" : split->second,
         [&map, id = id, &mask = mask] {
           return map.to_classes(
               decode_mask(mask, id, MaskForm::kIndicesOrColors), id
           );
         },
         id}
    );
  }
  write_annotated(job, images, classes);
  return "pascal_voc";
}

}  // namespace deeplab::data
