// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <sstream>

#include <fmt/core.h>

#include "data/files/archive.h"
#include "data/files/mat_file.h"
#include "data/prepare/prepare.h"
#include "data/prepare/prepare_files.h"
#include "data/sets/pascal_voc.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

using Ids = std::set<std::string>;
using Paths = std::vector<std::string>;
using Text = std::string;

/// Reads labels from the bytes of a MATLAB file. The MATLAB library reads from
/// disk only, so the bytes are written to a temporary file.
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
    // Replaces the path of the temporary file by the name in the archive.
    throw DataError(name + std::string(error.what()).substr(path.size()));
  }
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// Returns the text of each file whose path ends in one of `ends`, found in any
/// of the sources.
/// Throws: DataError naming the first one that is in no source, or one that
///         occurs twice with different contents.
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
        source, [&](const std::string& name) { return !end_of(name).empty(); },
        [&](const std::string& name, const std::string& bytes) {
          const auto [known, is_new] = texts.emplace(end_of(name), bytes);
          if (is_new || known->second == bytes) return;
          throw DataError(fmt::format(
              "{}/{}: a second, different {}; give only one", source, name,
              known->first
          ));
        }
    );
  }
  for (const auto& end : ends) {
    if (texts.count(end) > 0) continue;
    throw DataError(fmt::format(
        "{}: the sources do not contain {}; name all sources", sources.front(),
        end
    ));
  }
  return texts;
}

void check_all_there(
    const Ids& wanted, const Ids& found, const std::string& what
) {
  for (const auto& id : wanted) {
    if (found.count(id) > 0) continue;
    throw DataError(fmt::format(
        "{}: the sources do not contain its {} (found {} of {}); name all sources",
        id, what, found.size(), wanted.size()
    ));
  }
}

cv::Mat to_bytes(const cv::Mat& labels, const std::string& name) {
  cv::Mat bytes(labels.size(), CV_8UC1);
  for (int y = 0; y < labels.rows; ++y) {
    for (int x = 0; x < labels.cols; ++x) {
      const int label = labels.at<uint16_t>(y, x);
      if (label > kVoid) {
        throw DataError(fmt::format(
            "{}: label {} at row {}, column {}; expected 0..255", name, label,
            y, x
        ));
      }
      bytes.at<uint8_t>(y, x) = static_cast<uint8_t>(label);
    }
  }
  return bytes;
}

/// Returns the class of each label value of Pascal Context. Its labels.txt
/// names one value per line, e.g. "1: accordion".
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
            name.begin(), name.end(),
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
    throw DataError(fmt::format(
        "labels.txt: names {} of Context's 59 classes; expected all", known
    ));
  }
  return of_value;
}

/// Writes the photos and masks of SBD and VOC, each image once.
class SbdWriter {
 public:
  SbdWriter(const PrepareJob& job, PreparedFolder& out, const Ids& all)
      : job_(job), out_(out), all_(all) {}

  void write() {
    // VOC's masks (palette PNGs) are written first and take precedence over
    // SBD's.
    for (const bool from_voc : {true, false}) {
      for (const auto& source : job_.sources) {
        read_files(
            source,
            [&](const std::string& name) { return is_wanted(name, from_voc); },
            [&](const Text& name, const Text& bytes) { copy(name, bytes); }
        );
      }
    }
    check_all_there(all_, photos_, "photo");
    check_all_there(all_, masks_, "mask");
  }

 private:
  bool is_wanted(const std::string& name, bool from_voc) const {
    const auto tail = tail_of(name);
    if (all_.count(tail.stem) == 0) return false;
    const bool needs_photo = photos_.count(tail.stem) == 0;
    if (from_voc) {
      return tail.folder == "SegmentationClass" ||
             (tail.folder == "JPEGImages" && needs_photo);
    }
    return (tail.folder == "cls" && masks_.count(tail.stem) == 0) ||
           (tail.folder == "img" && needs_photo);
  }

  void copy(const Text& name, const Text& bytes) {
    const auto tail = tail_of(name);
    const auto& id = tail.stem;
    if (tail.folder == "JPEGImages" || tail.folder == "img") {
      out_.write("JPEGImages/" + id + tail.ending, bytes);
      photos_.insert(id);
      return;
    }
    const auto path = "SegmentationClass/" + id + ".png";
    if (tail.folder == "cls") {
      const auto labels =
          mat_labels(job_.out, name, bytes, "GTcls.Segmentation");
      out_.write_labels(path, to_bytes(labels, name), voc2012_classes({}));
    } else {
      out_.write(path, bytes);
    }
    masks_.insert(id);
  }

  const PrepareJob& job_;
  PreparedFolder& out_;
  const Ids& all_;
  Ids photos_;
  Ids masks_;
};

}  // namespace

std::string prepare_sbd(const PrepareJob& job) {
  const auto texts = read_texts(
      job.sources,
      {"ImageSets/Segmentation/train.txt", "ImageSets/Segmentation/val.txt",
       "dataset/train.txt", "dataset/val.txt"}
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

  PreparedFolder out(job);
  SbdWriter(job, out, all).write();
  out.write_legend(voc2012_classes({}));
  out.write_list("train", train);
  out.write_list("val", val);
  out.write_list("trainaug", augmented);
  Ids official = train;
  official.insert(val.begin(), val.end());
  out.write_list("trainval", official);
  return "voc2012";
}

std::string prepare_pascal_context(const PrepareJob& job) {
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
            throw DataError(fmt::format(
                "{}: label {} at row {}, column {} is not in labels.txt", name,
                value, y, x
            ));
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
  return "pascal_context";
}

}  // namespace deeplab::data
