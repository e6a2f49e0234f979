// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/crf_config.h"

#include <array>
#include <filesystem>

#include <fmt/core.h>

#include "deeplab/core/atomic_file.h"
#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab::crf {
namespace {

struct NormalizationEntry {
  const char* name;
  Normalization value;
};
constexpr std::array kNormalizations{
    NormalizationEntry{"symmetric", Normalization::kSymmetric},
    NormalizationEntry{"after", Normalization::kAfter},
    NormalizationEntry{"before", Normalization::kBefore},
    NormalizationEntry{"none", Normalization::kNone},
};

struct EngineEntry {
  const char* name;
  Engine value;
};
constexpr std::array kEngines{
    EngineEntry{"lattice", Engine::kLattice},
    EngineEntry{"exact", Engine::kExact},
};

/// Returns the parameters released with DeepLabV1's and V2's VGG-16.
CrfConfig vgg16() {
  CrfConfig config;
  config.bilateral_xy = 49;
  config.bilateral_rgb = 5;
  config.spatial_xy = 3;
  return config;
}

CrfConfig short_range() {
  CrfConfig config;
  config.neighbours = 8;
  config.bilateral_weight = 1;
  config.bilateral_rgb = 10;
  config.spatial_weight = 0;
  config.normalization = "none";
  return config;
}

CrfConfig resnet101() { return {}; }

struct NamedCrf {
  const char* name;
  CrfConfig (*make)();
};
constexpr std::array kNamedCrfs{
    NamedCrf{"resnet101", resnet101},
    NamedCrf{"vgg16", vgg16},
    NamedCrf{"short-range", short_range},
};

}  // namespace

Rule known_normalizations() { return one_of(names_of(kNormalizations)); }
Rule known_engines() { return one_of(names_of(kEngines)); }

DenseCrfOptions CrfConfig::options() const {
  check_config(*this, "crf");
  DenseCrfOptions options;
  options.kernels = {
      {bilateral_weight, bilateral_xy, bilateral_rgb, {}, {}, neighbours}};
  if (spatial_weight != 0) {
    options.kernels.push_back({spatial_weight, spatial_xy});
  }
  options.iterations = iterations;
  options.drop_labels_below = drop_labels_below;
  options.self_term = self_term ? SelfTerm::kKept : SelfTerm::kLeftOut;
  options.normalization =
      find_named(kNormalizations, "crf.normalization", normalization).value;
  options.engine = find_named(kEngines, "crf.engine", engine).value;
  return options;
}

CrfConfig read_crf_config(const std::string& name_or_file) {
  for (const auto& named : kNamedCrfs) {
    if (name_or_file == named.name) return named.make();
  }
  if (!std::filesystem::exists(name_or_file)) {
    const auto known = names_of(kNamedCrfs);
    throw ConfigError(fmt::format(
        "crf {}: no such file; known names: {}{}", name_or_file,
        list_names(known), suggest_name(name_or_file, known)
    ));
  }
  return read_config<CrfConfig>(
      parse_json(read_file(name_or_file), name_or_file), name_or_file
  );
}

}  // namespace deeplab::crf
