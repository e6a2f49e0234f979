// SPDX-License-Identifier: Apache-2.0
#include "data/sets/layouts.h"

#include "deeplab/core/sample.h"

namespace deeplab::testing {
namespace {

constexpr int kNone = -1;
constexpr int kVoidLabel = static_cast<int>(kVoid);

/// Returns a function that maps each index below `count` to the class of the
/// same number.
std::function<int(int)> identity(int count) {
  return [count](int value) {
    return value < count || value == kVoidLabel ? value : kNone;
  };
}

/// Maps the IDs of Cityscapes to training classes. IDs that are not scored are
/// void.
int city_class(int id) {
  if (id == kVoidLabel) return kVoidLabel;
  if (id > 33) return kNone;
  const std::vector<int> scored{7,  8,  11, 12, 13, 17, 19, 20, 21, 22,
                                23, 24, 25, 26, 27, 28, 31, 32, 33};
  for (size_t k = 0; k < scored.size(); ++k) {
    if (scored[k] == id) return static_cast<int>(k);
  }
  return kVoidLabel;
}

int scene_class(int value) {
  if (value == 0) return kVoidLabel;
  return value <= 150 ? value - 1 : kNone;
}

int segnet_class(int value) {
  if (value == 11 || value == kVoidLabel) return kVoidLabel;
  return value < 11 ? value : kNone;
}

Layout voc_layout(
    const std::string& kind, const std::function<int(int)>& class_of
) {
  return {
      kind,
      "JPEGImages/a.jpg",
      "SegmentationClass/a.png",
      "JPEGImages/b.jpg",
      "SegmentationClass/b.png",
      {{"ImageSets/Segmentation/train.txt", "a\n"},
       {"ImageSets/Segmentation/val.txt", "b\n"}},
      class_of};
}

Layout cityscapes_layout(const std::string& kind, const std::string& folder) {
  const auto mask = "_0_0_" + folder + "_labelIds.png";
  return {
      kind,
      "leftImg8bit/train/bonn/bonn_0_0_leftImg8bit.png",
      folder + "/train/bonn/bonn" + mask,
      "leftImg8bit/val/ulm/ulm_0_0_leftImg8bit.png",
      folder + "/val/ulm/ulm" + mask,
      {},
      city_class};
}

std::vector<Layout> make_layouts() {
  auto voc = voc_layout("pascal_voc", identity(3));
  voc.texts.emplace_back("classes.json", R"(["x", "y", "z"])");
  return {
      voc,
      voc_layout("voc2012", identity(21)),
      voc_layout("pascal_context", identity(60)),
      cityscapes_layout("cityscapes", "gtFine"),
      cityscapes_layout("cityscapes_coarse", "gtCoarse"),
      {"ade20k",
       "images/training/ADE_train_00000001.jpg",
       "annotations/training/ADE_train_00000001.png",
       "images/validation/ADE_val_00000001.jpg",
       "annotations/validation/ADE_val_00000001.png",
       {},
       scene_class},
      {"camvid",
       "train/a.png",
       "trainannot/a.png",
       "val/b.png",
       "valannot/b.png",
       {{"train.txt",
         "/SegNet/CamVid/train/a.png /SegNet/CamVid/trainannot/a.png\n"},
        {"val.txt", "/val/b.png /valannot/b.png\n"}},
       segnet_class},
      {"camvid",
       "701_StillsRaw_full/a.png",
       "LabeledApproved_full/a_L.png",
       "701_StillsRaw_full/b.png",
       "LabeledApproved_full/b_L.png",
       {{"train.txt", "a\n"}, {"val.txt", "b\n"}},
       segnet_class},
      {"folder",
       "images/train/sub/a.jpg",
       "masks/train/sub/a.png",
       "images/val/b.jpg",
       "masks/val/b.png",
       {{"classes.json",
         R"([{"name": "void", "color": [0, 0, 0]},
             {"name": "x", "color": [255, 0, 0]},
             {"name": "y", "color": [0, 255, 0], "index": 7}])"}},
       [](int value) {
         if (value == 0 || value == kVoidLabel) return kVoidLabel;
         return value == 1 ? 0 : value == 7 ? 1 : kNone;
       }},
  };
}

}  // namespace

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all = make_layouts();
  return all;
}

void write_layout(
    const Layout& layout,
    const std::string& root,
    const std::string& image,
    const std::string& mask
) {
  write_text(root + "/" + layout.image, image);
  write_text(root + "/" + layout.val_image, image);
  write_text(root + "/" + layout.mask, mask);
  write_text(root + "/" + layout.val_mask, mask);
  for (const auto& [path, text] : layout.texts) {
    write_text(root + "/" + path, text);
  }
}

data::DataConfig config_of(const Layout& layout, const std::string& root) {
  data::DataConfig config;
  config.kind = layout.kind;
  config.root = root;
  return config;
}

}  // namespace deeplab::testing
