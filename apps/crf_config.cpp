// SPDX-License-Identifier: Apache-2.0
#include "apps/crf_config.h"

#include <array>
#include <filesystem>
#include <utility>

#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

/// The place of `value` in `known`.
template <class Chosen, size_t kCount>
Chosen choose(
    const char* key,
    const std::string& value,
    const std::array<std::pair<const char*, Chosen>, kCount>& known
) {
  std::string all;
  for (const auto& [name, chosen] : known) {
    if (value == name) return chosen;
    all += str(all.empty() ? "" : ", ", name);
  }
  throw ConfigError(str("crf.", key, " is \"", value, "\"; known: ", all));
}

}  // namespace

crf::DenseCrfOptions CrfConfig::options() const {
  using crf::Engine;
  using crf::Normalization;
  const auto check_sigma = [](const char* key, double value) {
    if (value >= 1e-6 && value <= 1e9) return;
    throw ConfigError(str("crf.", key, " is ", value, "; must be in 1e-6..1e9")
    );
  };
  check_sigma("bilateral_xy", bilateral_xy);
  check_sigma("bilateral_rgb", bilateral_rgb);
  check_sigma("spatial_xy", spatial_xy);
  if (neighbours != 0 && neighbours != 4 && neighbours != 8) {
    throw ConfigError(str("crf.neighbours is ", neighbours, "; known: 0, 4, 8")
    );
  }
  if (!(drop_labels_below >= 0 && drop_labels_below < 1)) {
    throw ConfigError(str(
        "crf.drop_labels_below is ", drop_labels_below, "; must be in [0, 1)"
    ));
  }
  crf::DenseCrfOptions options;
  options.kernels = {
      {bilateral_weight, bilateral_xy, bilateral_rgb, {}, {}, neighbours}};
  if (spatial_weight != 0) {
    options.kernels.push_back({spatial_weight, spatial_xy});
  }
  options.iterations = iterations;
  options.drop_labels_below = drop_labels_below;
  options.self_term =
      self_term ? crf::SelfTerm::kKept : crf::SelfTerm::kLeftOut;
  options.normalization = choose(
      "normalization",
      normalization,
      std::array<std::pair<const char*, Normalization>, 4>{{
          {"symmetric", Normalization::kSymmetric},
          {"after", Normalization::kAfter},
          {"before", Normalization::kBefore},
          {"none", Normalization::kNone},
      }}
  );
  options.engine = choose(
      "engine",
      engine,
      std::array<std::pair<const char*, Engine>, 2>{
          {{"lattice", Engine::kLattice}, {"exact", Engine::kExact}}}
  );
  if (iterations < 0) {
    throw ConfigError(str("crf.iterations is ", iterations, "; must be >= 0"));
  }
  return options;
}

CrfConfig read_crf_config(const std::string& name_or_file) {
  if (name_or_file == "resnet101") return {};
  if (name_or_file == "vgg16") {
    CrfConfig config;
    config.bilateral_xy = 49;
    config.bilateral_rgb = 5;
    config.spatial_xy = 3;
    return config;
  }
  if (name_or_file == "short-range") {
    CrfConfig config;
    config.neighbours = 8;
    config.bilateral_weight = 1;
    config.bilateral_rgb = 10;
    config.spatial_weight = 0;
    config.normalization = "none";
    return config;
  }
  if (!std::filesystem::exists(name_or_file)) {
    throw ConfigError(
        str("crf ",
            name_or_file,
            ": no such file; known names: resnet101, vgg16, short-range")
    );
  }
  return read_config<CrfConfig>(
      parse_json(read_file(name_or_file), name_or_file), name_or_file
  );
}

}  // namespace deeplab::apps
