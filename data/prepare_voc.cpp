// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <sstream>

#include "data/archive.h"
#include "data/mat_file.h"
#include "data/pascal_voc.h"
#include "data/prepare.h"
#include "data/prepare_files.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

using Ids = std::set<std::string>;
using Paths = std::vector<std::string>;
using Text = std::string;

/// MATLAB's library reads files alone, so what comes out of an archive has to
/// lie on disk for a moment.
cv::Mat mat_labels(
    const std::string& folder,
    const std::string& name,
    const std::string& bytes,
    const std::string& variable
) {
  const auto path = folder + "/.reading.mat";
  write_file(path, bytes);
  try {
    auto labels = read_mat_labels(path, variable);
    std::filesystem::remove(path);
    return labels;
  } catch (const DataError& error) {
    std::filesystem::remove(path);
    // What comes behind the path.
    throw DataError(name + std::string(error.what()).substr(path.size()));
  }
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// The text of each file whose path ends so, from any of the sources.
/// Throws: DataError naming the first that none has.
std::map<std::string, std::string> read_texts(
    const Paths& sources, const Paths& ends
) {
  std::map<std::string, std::string> texts;
  const auto end_of = [&](const std::string& name) {
    const auto found = std::find_if(ends.begin(), ends.end(), [&](auto& end) {
      return ends_with("/" + name, "/" + end);
    });
    return found == ends.end() ? std::string() : *found;
  };
  for (const auto& source : sources) {
    read_files(
        source,
        [&](const std::string& name) { return !end_of(name).empty(); },
        [&](const std::string& name, const std::string& bytes) {
          const auto [known, is_new] = texts.emplace(end_of(name), bytes);
          if (is_new || known->second == bytes) return;
          throw DataError(
              str(source, "/", name, ": a second ", known->first, "; give one")
          );
        }
    );
  }
  for (const auto& end : ends) {
    if (texts.count(end) > 0) continue;
    throw DataError(
        str(sources.front(),
            ": ",
            end,
            " is in none of the sources; name all of them")
    );
  }
  return texts;
}

void check_all_there(
    const Ids& wanted, const Ids& found, const std::string& what
) {
  for (const auto& id : wanted) {
    if (found.count(id) > 0) continue;
    throw DataError(
        str(id,
            ": its ",
            what,
            " is in none of the sources (",
            found.size(),
            " of ",
            wanted.size(),
            " are)")
    );
  }
}

cv::Mat to_bytes(const cv::Mat& labels, const std::string& name) {
  cv::Mat bytes(labels.size(), CV_8UC1);
  for (int y = 0; y < labels.rows; ++y) {
    for (int x = 0; x < labels.cols; ++x) {
      const int label = labels.at<uint16_t>(y, x);
      if (label > kVoid) {
        throw DataError(
            str(name,
                ": label ",
                label,
                " at row ",
                y,
                ", column ",
                x,
                "; expected 0..255")
        );
      }
      bytes.at<uint8_t>(y, x) = static_cast<uint8_t>(label);
    }
  }
  return bytes;
}

/// The class of each of Context's values: its labels.txt names them, a line
/// each, "1: accordion".
std::vector<uint8_t> context_classes(
    const std::string& labels_text, const Classes& classes
) {
  std::vector<uint8_t> of_value(1, 0);
  size_t known = 0;
  std::istringstream lines(labels_text);
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::istringstream number(line.substr(0, colon));
    size_t value = 0;
    if (!(number >> value) || value > 65535) continue;
    std::string name = line.substr(colon + 1);
    name.erase(
        std::remove_if(
            name.begin(),
            name.end(),
            [](unsigned char c) { return std::isspace(c) != 0; }
        ),
        name.end()
    );
    of_value.resize(std::max(of_value.size(), value + 1), 0);
    const auto found =
        std::find(classes.names.begin() + 1, classes.names.end(), name);
    if (found == classes.names.end()) continue;
    of_value[value] = static_cast<uint8_t>(found - classes.names.begin());
    ++known;
  }
  if (known + 1 != classes.names.size()) {
    throw DataError(str(
        "labels.txt: names ", known, " of Context's 59 classes; expected all"
    ));
  }
  return of_value;
}

}  // namespace

void prepare_sbd(const PrepareJob& job) {
  const auto texts = read_texts(
      job.sources,
      {"ImageSets/Segmentation/train.txt",
       "ImageSets/Segmentation/val.txt",
       "dataset/train.txt",
       "dataset/val.txt"}
  );
  const auto list = [&](const std::string& name) {
    return ids_of(texts.at(name));
  };
  const auto train = list("ImageSets/Segmentation/train.txt");
  const auto val = list("ImageSets/Segmentation/val.txt");
  Ids augmented = train;
  for (const char* name : {"dataset/train.txt", "dataset/val.txt"}) {
    augmented.merge(list(name));
  }
  Ids all = augmented;
  for (const auto& id : val) augmented.erase(id);
  all.insert(val.begin(), val.end());

  const auto classes = voc2012_classes({});
  PreparedFolder out(job);
  Ids photos;
  Ids masks;
  // VOC's own masks, palette PNGs, go before SBD's.
  for (const bool from_voc : {true, false}) {
    for (const auto& source : job.sources) {
      const auto wanted = [&](const std::string& name) {
        const auto tail = tail_of(name);
        if (all.count(tail.stem) == 0) return false;
        if (from_voc) {
          return tail.folder == "SegmentationClass" ||
                 (tail.folder == "JPEGImages" && photos.count(tail.stem) == 0);
        }
        return (tail.folder == "cls" && masks.count(tail.stem) == 0) ||
               (tail.folder == "img" && photos.count(tail.stem) == 0);
      };
      read_files(source, wanted, [&](const Text& name, const Text& bytes) {
        const auto tail = tail_of(name);
        const auto& id = tail.stem;
        if (tail.folder == "JPEGImages" || tail.folder == "img") {
          out.write("JPEGImages/" + id + tail.ending, bytes);
          photos.insert(id);
          return;
        }
        const auto path = "SegmentationClass/" + id + ".png";
        if (tail.folder == "cls") {
          const auto labels =
              mat_labels(job.out, name, bytes, "GTcls.Segmentation");
          out.write_labels(path, to_bytes(labels, name), classes);
        } else {
          out.write(path, bytes);
        }
        masks.insert(id);
      });
    }
  }
  check_all_there(all, photos, "photo");
  check_all_there(all, masks, "mask");
  out.write_legend(classes);
  out.write_list("train", train);
  out.write_list("val", val);
  out.write_list("trainaug", augmented);
  Ids official = train;
  official.insert(val.begin(), val.end());
  out.write_list("trainval", official);
}

void prepare_pascal_context(const PrepareJob& job) {
  const auto texts = read_texts(
      job.sources,
      {"labels.txt", "ImageSets/Main/train.txt", "ImageSets/Main/val.txt"}
  );
  const auto classes = pascal_context_classes({});
  const auto class_of = context_classes(texts.at("labels.txt"), classes);
  PreparedFolder out(job);
  Ids labelled;
  const auto is_mask = [](const std::string& name) {
    return tail_of(name).ending == ".mat";
  };
  for (const auto& source : job.sources) {
    read_files(source, is_mask, [&](const Text& name, const Text& bytes) {
      const auto labels = mat_labels(job.out, name, bytes, "LabelMap");
      cv::Mat mask(labels.size(), CV_8UC1);
      for (int y = 0; y < labels.rows; ++y) {
        for (int x = 0; x < labels.cols; ++x) {
          const size_t value = labels.at<uint16_t>(y, x);
          if (value >= class_of.size()) {
            throw DataError(
                str(name,
                    ": label ",
                    value,
                    " at row ",
                    y,
                    ", column ",
                    x,
                    " is not in labels.txt")
            );
          }
          mask.at<uint8_t>(y, x) = class_of[value];
        }
      }
      const auto id = tail_of(name).stem;
      out.write_labels("SegmentationClass/" + id + ".png", mask, classes);
      labelled.insert(id);
    });
  }
  Ids photos;
  const auto is_photo = [&](const std::string& name) {
    const auto tail = tail_of(name);
    return tail.folder == "JPEGImages" && labelled.count(tail.stem) > 0;
  };
  for (const auto& source : job.sources) {
    read_files(source, is_photo, [&](const Text& name, const Text& bytes) {
      const auto tail = tail_of(name);
      out.write("JPEGImages/" + tail.stem + tail.ending, bytes);
      photos.insert(tail.stem);
    });
  }
  check_all_there(labelled, photos, "photo");
  out.write_legend(classes);
  for (const std::string split : {"train", "val"}) {
    Ids ids;
    for (const auto& id :
         ids_of(texts.at("ImageSets/Main/" + split + ".txt"))) {
      if (labelled.count(id) > 0) ids.insert(id);
    }
    out.write_list(split, ids);
  }
}

}  // namespace deeplab::data
