// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/resize_centres.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <ATen/ops/cat.h>
#include <ATen/ops/slice.h>
#include <torch/csrc/jit/frontend/tracer.h>

#include "deeplab/nn/determinism.h"
#include "deeplab/nn/matrix_resize.h"
#include "deeplab/nn/resize.h"

namespace deeplab::nn {
namespace {

namespace tracer = torch::jit::tracer;

/// Describes how kCentres is computed by an upsampling: the source is extended
/// by copies of its first and last row and column, upsampled by a whole factor
/// and cut to size.
struct CentresPlan {
  int64_t factor;
  int64_t before;
  /// Copies behind that suffice if there is a feature for each cell of the
  /// image.
  int64_t after;
  /// Index in the upsampled map of the result's first pixel.
  int64_t start;
  /// Whether the extended map is upsampled with aligned corners, to
  /// factor * (n - 1) + 1 pixels, or with aligned edges, to factor * n.
  bool keeps_corners;
};

bool is_whole(double value) { return value == std::floor(value); }

/// Returns no plan if the features' distances are not a whole multiple of the
/// result's, or are shifted by a fraction of its pixels.
std::optional<CentresPlan> plan_centres(
    const FeatureGrid& from, const FeatureGrid& to
) {
  const double factor = from.step / to.step;
  if (factor < 1 || !is_whole(factor)) return std::nullopt;
  // The first feature, in pixels of the result.
  const double first = (from.first - to.first) / to.step;
  // The first feature lies here in a map that is upsampled with aligned edges.
  const double edge = (factor - 1) / 2;
  const bool keeps_corners = is_whole(first);
  if (!keeps_corners && !is_whole(first - edge)) return std::nullopt;
  const auto shift = static_cast<int64_t>(keeps_corners ? first : first - edge);
  const auto whole = static_cast<int64_t>(factor);
  const auto features_in = [&](int64_t pixels) {
    return pixels > 0 ? (pixels + whole - 1) / whole : 0;
  };
  const int64_t before = features_in(shift);
  return CentresPlan{
      whole, before, 1 + features_in(-shift), before * whole - shift,
      keeps_corners};
}

/// Appends copies of the first and of the last row (axis 2) or column (3).
torch::Tensor extend(
    const torch::Tensor& features, int64_t axis, int64_t before, int64_t after
) {
  if (before == 0 && after == 0) return features;
  constexpr auto kEnd = std::numeric_limits<int64_t>::max();
  const auto copies = [&](int64_t from, int64_t to, int64_t count) {
    std::vector<int64_t> sizes(4, -1);
    sizes[static_cast<size_t>(axis)] = count;
    return at::slice(features, axis, from, to).expand(sizes);
  };
  std::vector<torch::Tensor> parts;
  if (before > 0) parts.push_back(copies(0, 1, before));
  parts.push_back(features);
  if (after > 0) parts.push_back(copies(-1, kEnd, after));
  return at::cat(parts, axis);
}

/// Returns how many copies of the last row or column the result needs: in a
/// trace those for any size, else as few as this size needs.
int64_t copies_behind(
    const torch::Tensor& features,
    const torch::Tensor& like,
    int64_t axis,
    const CentresPlan& plan
) {
  if (tracer::isTracing()) return plan.after;
  const int64_t last = plan.start + like.size(axis) - 1;
  const int64_t source = plan.keeps_corners
                             ? (last + plan.factor - 1) / plan.factor
                             : last / plan.factor;
  return std::max<int64_t>(0, source + 1 - plan.before - features.size(axis));
}

torch::Tensor upsample_centres(
    const torch::Tensor& features,
    const torch::Tensor& like,
    const CentresPlan& plan
) {
  auto extended = features;
  for (const int64_t axis : {2, 3}) {
    extended = extend(
        extended, axis, plan.before, copies_behind(features, like, axis, plan)
    );
  }
  const int64_t less = plan.keeps_corners ? plan.factor - 1 : 0;
  std::vector<int64_t> size;
  for (const int64_t axis : {2, 3}) {
    size.push_back(extended.size(axis) * plan.factor - less);
    if (!tracer::isTracing()) continue;
    tracer::ArgumentStash::stashIntArrayRefElem(
        "output_size", 2, static_cast<size_t>(axis - 2),
        tracer::getSizeOf(extended, axis) * plan.factor - less
    );
  }
  auto result = upsample(extended, size, plan.keeps_corners);
  for (const int64_t axis : {2, 3}) {
    const int64_t length = like.size(axis);
    if (tracer::isTracing()) {
      tracer::ArgumentStash::stashValue(
          "end", 1, tracer::getSizeOf(like, axis) + plan.start,
          c10::IntType::get()
      );
    }
    result = at::slice(result, axis, plan.start, plan.start + length);
  }
  return result;
}

/// A ratio of two small whole numbers.
struct Fraction {
  int64_t over;
  int64_t under;
};

std::optional<Fraction> fraction_of(double ratio) {
  constexpr int64_t kMost = 200;
  constexpr double kTolerance = 1e-9;
  for (int64_t under = 1; under <= kMost; ++under) {
    const double over = ratio * static_cast<double>(under);
    const auto whole = std::llround(over);
    if (whole > 0 && std::abs(over - static_cast<double>(whole)) < kTolerance) {
      return Fraction{whole, under};
    }
  }
  return std::nullopt;
}

/// Resizes by a fraction, such that the first pixels coincide: extends the
/// source to a side from which the fraction leads to whole pixels, resizes with
/// aligned corners, and cuts.
torch::Tensor resize_by_fraction(
    const torch::Tensor& features,
    const torch::Tensor& like,
    const Fraction& factor
) {
  auto extended = features;
  std::vector<int64_t> size;
  for (const int64_t axis : {2, 3}) {
    const int64_t sources =
        ((like.size(axis) - 1) * factor.under + factor.over - 1) / factor.over;
    const int64_t steps = std::max(features.size(axis) - 1, sources);
    const int64_t parts = (steps + factor.under - 1) / factor.under;
    const int64_t after = parts * factor.under + 1 - features.size(axis);
    extended = extend(extended, axis, 0, after);
    size.push_back(parts * factor.over + 1);
  }
  return upsample(extended, size, /*keeps_corners=*/true)
      .slice(2, 0, like.size(2))
      .slice(3, 0, like.size(3));
}

}  // namespace

torch::Tensor resize_centres(
    const torch::Tensor& features,
    const torch::Tensor& like,
    const FeatureGrid& from,
    const FeatureGrid& to
) {
  const bool has_size =
      features.size(2) == like.size(2) && features.size(3) == like.size(3);
  // While a network is traced, the sizes of maps with the same grid are equal
  // for every image.
  if (from == to && has_size) return features;
  if (!is_deterministic(features)) {
    if (const auto plan = plan_centres(from, to)) {
      return upsample_centres(features, like, *plan);
    }
    const auto fraction = fraction_of(from.step / to.step);
    if (fraction && from.first == to.first && !tracer::isTracing()) {
      return resize_by_fraction(features, like, *fraction);
    }
  }
  const Positions positions{
      (to.first - from.first) / from.step, to.step / from.step};
  return resize_with_matrices(features, like, positions, positions);
}

}  // namespace deeplab::nn
