// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/synthetic.h"

#include <fmt/core.h>

#include "data/synthetic/scene.h"
#include "deeplab/core/error.h"
#include "deeplab/core/random.h"

namespace deeplab::data {
namespace {

/// Makes these seeds differ from those of shuffling and augmentation.
constexpr uint64_t kDrawing = 0x5ce7e;

class Synthetic : public Dataset {
 public:
  Synthetic(const DataConfig& config, Role role)
      : config_(config.synthetic),
        role_(role),
        classes_(synthetic_classes(config)) {}

  int64_t size() const override {
    return role_ == Role::kTrain ? config_.train_images : config_.val_images;
  }
  std::string id(int64_t index) const override {
    return fmt::format(
        "{}{}", role_ == Role::kTrain ? "train_" : "val_", index
    );
  }
  const Classes& classes() const override { return classes_; }

  RawSample load(int64_t index) const override {
    const cv::Size size(
        static_cast<int>(config_.width), static_cast<int>(config_.height)
    );
    const auto scene = draw_scene(
        size, mix_seed(
                  {kDrawing, static_cast<uint64_t>(config_.seed),
                   static_cast<uint64_t>(role_), static_cast<uint64_t>(index)}
              )
    );
    return {scene.image, scene.labels, "synthetic " + id(index)};
  }

 private:
  SyntheticConfig config_;
  Role role_;
  Classes classes_;
};

}  // namespace

std::shared_ptr<const Dataset> make_synthetic(
    const DataConfig& config, Role role
) {
  const auto names = synthetic_classes(config).names;
  if (!config.root.empty() ||
      (!config.classes.empty() && config.classes != names)) {
    throw ConfigError(
        "data.root or data.classes is set while data.kind is \"synthetic\"; for a data set of files, set its data.kind (--data does)"
    );
  }
  if (config.train_split != "train" || config.val_split != "val") {
    throw ConfigError(fmt::format(
        "data.train_split is \"{}\" and data.val_split \"{}\"; the synthetic data set has only train and val",
        config.train_split, config.val_split
    ));
  }
  return std::make_shared<Synthetic>(config, role);
}

Classes synthetic_classes(const DataConfig& /*config*/) {
  return make_classes(
      {"sky", "water", "field", "building", "window", "crate", "tree", "pole",
       "ball"},
      {}
  );
}

}  // namespace deeplab::data
