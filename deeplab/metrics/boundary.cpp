// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/boundary.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "deeplab/core/run_both.h"
#include "deeplab/core/sample.h"

namespace deeplab::metrics {
namespace {

constexpr auto kVoidByte = static_cast<uint8_t>(kVoid);

/// A label map with one byte per pixel.
struct LabelMap {
  int64_t height = 0;
  int64_t width = 0;
  std::vector<uint8_t> values;

  uint8_t at(int64_t row, int64_t column) const {
    return values[static_cast<size_t>(row * width + column)];
  }
  bool holds(int64_t row, int64_t column) const {
    return row >= 0 && row < height && column >= 0 && column < width;
  }
};

LabelMap map_of(const torch::Tensor& labels) {
  const auto bytes = labels.to(torch::kUInt8).contiguous();
  const auto* first = bytes.data_ptr<uint8_t>();
  return {bytes.size(0), bytes.size(1), {first, first + bytes.numel()}};
}

/// Returns the minimum over the square of `reach` pixels around each pixel.
/// Pixels beyond the border count as 255.
std::vector<uint8_t> least_around(const LabelMap& map, int64_t reach) {
  const int64_t length = 2 * reach + 1;
  const int64_t rows = map.height + 2 * reach;
  const int64_t columns = map.width + 2 * reach;
  std::vector<uint8_t> padded(static_cast<size_t>(rows * columns), kVoidByte);
  for (int64_t y = 0; y < map.height; ++y) {
    std::copy_n(
        map.values.begin() + y * map.width, map.width,
        padded.begin() + (y + reach) * columns + reach
    );
  }
  // The window that starts at each value covers 1, 2, 4, ... values, first
  // along rows, then along columns.
  for (const int64_t step : {int64_t{1}, columns}) {
    for (int64_t covered = 1; covered < length;) {
      const int64_t more = std::min(covered, length - covered);
      const int64_t last = rows * columns - more * step;
      for (int64_t i = 0; i < last; ++i) {
        padded[static_cast<size_t>(i)] = std::min(
            padded[static_cast<size_t>(i)],
            padded[static_cast<size_t>(i + more * step)]
        );
      }
      covered += more;
    }
  }
  std::vector<uint8_t> least(map.values.size());
  for (int64_t y = 0; y < map.height; ++y) {
    std::copy_n(
        padded.begin() + y * columns, map.width, least.begin() + y * map.width
    );
  }
  return least;
}

/// Returns 1 for each pixel that lies within `reach` of another class or of the
/// image border, else 0. Void pixels are not in the band.
std::vector<uint8_t> band_of(const LabelMap& map, int64_t reach) {
  const auto least = least_around(map, reach);
  LabelMap negated = map;
  for (auto& value : negated.values) {
    if (value != kVoidByte) {
      value = static_cast<uint8_t>(kVoidByte - 1 - value);
    }
  }
  const auto most = least_around(negated, reach);
  std::vector<uint8_t> band(map.values.size());
  for (int64_t y = 0; y < map.height; ++y) {
    for (int64_t x = 0; x < map.width; ++x) {
      const auto i = static_cast<size_t>(y * map.width + x);
      const bool inside = y >= reach && x >= reach && y + reach < map.height &&
                          x + reach < map.width;
      const bool is_near = map.values[i] != kVoidByte &&
                           (!inside || least[i] != kVoidByte - 1 - most[i]);
      band[i] = is_near ? 1 : 0;
    }
  }
  return band;
}

/// Calls `visit` with each of the four neighbours of a pixel.
template <class Visit>
void for_neighbours(const LabelMap& map, int64_t pixel, const Visit& visit) {
  const int64_t column = pixel % map.width;
  if (pixel >= map.width) visit(pixel - map.width);
  if (pixel + map.width < map.height * map.width) visit(pixel + map.width);
  if (column > 0) visit(pixel - 1);
  if (column + 1 < map.width) visit(pixel + 1);
}

/// Returns the map with void filled by the nearest class: the labelled pixels
/// grow into it by one pixel per step.
LabelMap without_void(LabelMap map) {
  auto& values = map.values;
  const auto is_void = [&](int64_t pixel) {
    return values[static_cast<size_t>(pixel)] == kVoidByte;
  };
  // Pixels that may have a void neighbour; a pixel may occur several times.
  std::vector<int64_t> edge;
  for (int64_t i = 0; i < map.height * map.width; ++i) {
    if (!is_void(i)) continue;
    for_neighbours(map, i, [&](int64_t neighbour) {
      if (!is_void(neighbour)) edge.push_back(neighbour);
    });
  }
  // The lowest class that reaches each pixel in this step.
  std::vector<uint8_t> reached(values.size(), kVoidByte);
  std::vector<int64_t> fresh;
  while (!edge.empty()) {
    fresh.clear();
    for (const auto i : edge) {
      const auto label = values[static_cast<size_t>(i)];
      for_neighbours(map, i, [&](int64_t neighbour) {
        if (!is_void(neighbour)) return;
        auto& least = reached[static_cast<size_t>(neighbour)];
        if (least == kVoidByte) fresh.push_back(neighbour);
        least = std::min(least, label);
      });
    }
    for (const auto i : fresh) {
      values[static_cast<size_t>(i)] = reached[static_cast<size_t>(i)];
    }
    edge.swap(fresh);
  }
  return map;
}

/// Returns the map with one more void pixel on each side.
LabelMap padded(const LabelMap& map) {
  LabelMap result{map.height + 2, map.width + 2, {}};
  result.values.assign(
      static_cast<size_t>(result.height * result.width), kVoidByte
  );
  for (int64_t y = 0; y < map.height; ++y) {
    std::copy_n(
        map.values.begin() + y * map.width, map.width,
        result.values.begin() + (y + 1) * result.width + 1
    );
  }
  return result;
}

/// Returns a map that keeps the labels of contour pixels and is void elsewhere.
LabelMap contour_of(const LabelMap& map) {
  const auto around = padded(map);
  const int64_t stride = around.width;
  const int64_t width = map.width;
  LabelMap contour{
      map.height, map.width, std::vector<uint8_t>(map.values.size())};
  for (int64_t y = 0; y < map.height; ++y) {
    const auto* own = around.values.data() + (y + 1) * stride + 1;
    auto* out = contour.values.data() + y * width;
    // Without branches, so that the compiler computes many pixels at a time.
    for (int64_t x = 0; x < width; ++x) {
      const auto label = own[x];
      const auto differs = [label](uint8_t other) {
        return static_cast<int>(other != label) &
               static_cast<int>(other != kVoidByte);
      };
      const int is_contour = differs(own[x - 1]) | differs(own[x + 1]) |
                             differs(own[x - stride]) |
                             differs(own[x + stride]);
      out[x] = is_contour != 0 ? label : kVoidByte;
    }
  }
  return contour;
}

struct Offset {
  int64_t row;
  int64_t column;
};

/// Returns the offsets of a disc's pixels, nearest first.
std::vector<Offset> disc(int64_t radius) {
  std::vector<Offset> offsets;
  for (int64_t row = -radius; row <= radius; ++row) {
    for (int64_t column = -radius; column <= radius; ++column) {
      if (row * row + column * column <= radius * radius) {
        offsets.push_back({row, column});
      }
    }
  }
  const auto square = [](const Offset& offset) {
    return offset.row * offset.row + offset.column * offset.column;
  };
  std::stable_sort(
      offsets.begin(), offsets.end(),
      [&](const Offset& a, const Offset& b) { return square(a) < square(b); }
  );
  return offsets;
}

/// Calls `found(pixel, class, is_near)` for each pixel of a contour; `is_near`
/// is true if `other` has the same class at one of the offsets in `near`.
template <class Found>
void match(
    const LabelMap& contour,
    const LabelMap& other,
    const std::vector<Offset>& near,
    const Found& found
) {
  for (int64_t y = 0; y < contour.height; ++y) {
    for (int64_t x = 0; x < contour.width; ++x) {
      const auto label = contour.at(y, x);
      if (label == kVoidByte) continue;
      found(
          static_cast<size_t>(y * contour.width + x), label,
          std::any_of(
              near.begin(), near.end(),
              [&](const Offset& offset) {
                const int64_t row = y + offset.row;
                const int64_t column = x + offset.column;
                return other.holds(row, column) &&
                       other.at(row, column) == label;
              }
          )
      );
    }
  }
}

int64_t share_of_diagonal(const LabelMap& map, double share) {
  const auto diagonal = std::hypot(
      static_cast<double>(map.height), static_cast<double>(map.width)
  );
  return std::max<int64_t>(1, std::llround(share * diagonal));
}

}  // namespace

std::vector<BoundaryCounts> count_boundaries(
    const torch::Tensor& labels,
    const torch::Tensor& prediction,
    int64_t num_classes
) {
  constexpr double kBandShare = 0.02;
  constexpr double kNearShare = 0.0075;
  const auto truth = map_of(labels);
  const auto guess = map_of(prediction.masked_fill(labels.eq(kVoid), kVoid));
  std::vector<BoundaryCounts> counts(static_cast<size_t>(num_classes));

  const auto reach = share_of_diagonal(truth, kBandShare);
  std::vector<uint8_t> true_band;
  std::vector<uint8_t> guessed_band;
  run_both(
      [&] { true_band = band_of(truth, reach); },
      [&] { guessed_band = band_of(guess, reach); }
  );
  for (size_t i = 0; i < truth.values.size(); ++i) {
    const auto a = truth.values[i];
    const auto b = guess.values[i];
    const bool in_true = true_band[i] != 0;
    const bool in_guessed = guessed_band[i] != 0;
    if (in_true) ++counts[a].band_either;
    if (in_guessed && !(in_true && a == b)) ++counts[b].band_either;
    if (in_true && in_guessed && a == b) ++counts[a].band_both;
  }

  const auto near = disc(share_of_diagonal(truth, kNearShare));
  LabelMap true_contour;
  LabelMap guessed_contour;
  LabelMap sure_contour;
  run_both(
      [&] { true_contour = contour_of(without_void(truth)); },
      [&] {
        guessed_contour = contour_of(map_of(prediction));
        sure_contour = contour_of(guess);
      }
  );
  const auto count_true = [&](size_t /*pixel*/, uint8_t label, bool found) {
    ++counts[label].true_contour;
    if (found) ++counts[label].true_contour_found;
  };
  const auto count_predicted = [&](size_t pixel, uint8_t label, bool found) {
    if (sure_contour.values[pixel] == kVoidByte && !found) return;
    ++counts[label].predicted_contour;
    if (found) ++counts[label].predicted_contour_right;
  };
  run_both(
      [&] { match(true_contour, guessed_contour, near, count_true); },
      [&] { match(guessed_contour, true_contour, near, count_predicted); }
  );
  return counts;
}

}  // namespace deeplab::metrics
