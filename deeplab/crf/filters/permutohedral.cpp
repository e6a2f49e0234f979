// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/filters/permutohedral.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/crf/filters/vertex_table.h"
#include "deeplab/crf/kernels/lattice_loops.h"
#include "deeplab/crf/kernels/parallel.h"
#include "deeplab/crf/kernels/simplex.h"

namespace deeplab::crf {
namespace {

__extension__ using WideKey = unsigned __int128;

/// Marks the number of a twin among the vertex numbers of a class.
constexpr uint32_t kTwin = uint32_t{1} << 31U;

}  // namespace

/// The layout in which the coordinates of a vertex, without the last one, are
/// packed into one number.
/// Each has a field of bits that is wide enough for the vertex's neighbours,
/// too.
struct KeyLayout {
  std::vector<int64_t> lowest;
  std::vector<unsigned> shift;
  unsigned bits = 0;
};

/// `kAxes` is the number of axes if it is known at compile time, else 0.
template <class Key, size_t kAxes>
class LatticeBuilder {
 public:
  LatticeBuilder(
      const Features& features, KeyLayout layout, PermutohedralLattice& lattice
  )
      : features_(features),
        layout_(std::move(layout)),
        lattice_(lattice),
        points_(features.count),
        keys_(points_ * axes(), Content::kUnset),
        classes_(axes()) {
    for (size_t axis = 0; axis < axes(); ++axis) {
      Key step = 0;
      for (size_t i = 0; i + 1 < axes(); ++i) {
        const auto change = i == axis ? -static_cast<int64_t>(axes() - 1) : 1;
        step += static_cast<Key>(change) << layout_.shift[i];
      }
      steps_.push_back(step);
    }
  }

  void build() {
    parallel_ranges((points_ + kPoints - 1) / kPoints, [&](Range range) {
      for (size_t batch = range.begin; batch < range.end; ++batch) {
        place(batch * kPoints);
      }
    });
    number_vertices();
    lattice_.chains_.resize(axes());
    parallel_ranges(axes(), [&](Range range) {
      for (size_t axis = range.begin; axis < range.end; ++axis) {
        link(axis);
      }
    });
  }

 private:
  /// Computes the simplices and weights of kPoints points from `first` on, and
  /// the keys of their vertices.
  void place(size_t first);
  void number_vertices();
  void find_class(size_t remainder);
  void link(size_t axis);

  size_t axes() const { return kAxes > 0 ? kAxes : lattice_.axes(); }

  const Features& features_;
  KeyLayout layout_;
  PermutohedralLattice& lattice_;
  size_t points_;
  /// The number that a step along each axis adds to a key. The step adds 1 to
  /// every coordinate except that of the axis, from which it subtracts d.
  std::vector<Key> steps_;
  /// [remainder class, point].
  Array<Key> keys_;

  /// The vertices of one remainder class, in the order of the first point of
  /// each.
  struct Class {
    VertexTable<Key> table{0};
    std::vector<uint32_t> first_points;
    /// Vertices of the first half that the second half touches, too.
    std::vector<uint32_t> twins;
    /// Numbers of the class's vertices in the lattice, and number of its first
    /// twin there.
    std::vector<uint32_t> numbers;
    size_t first_twin = 0;
  };
  std::vector<Class> classes_;
};

template <class Key, size_t kAxes>
void LatticeBuilder<Key, kAxes>::place(size_t first) {
  Simplices simplices;
  find_simplices(features_, first, simplices);
  const size_t count = std::min(kPoints, points_ - first);
  for (size_t p = 0; p < count; ++p) {
    const size_t point = first + p;
    Key key = 0;
    for (size_t i = 0; i + 1 < axes(); ++i) {
      const int64_t above = simplices.base[i][p] - layout_.lowest[i];
      key += static_cast<Key>(above) << layout_.shift[i];
    }
    for (size_t k = 0; k < axes(); ++k) {
      keys_[k * points_ + point] = key;
      key += steps_[simplices.falls[k][p]];
      lattice_.weights_[point * axes() + k] = simplices.weights[k][p];
    }
  }
}

template <class Key, size_t kAxes>
void LatticeBuilder<Key, kAxes>::number_vertices() {
  parallel_ranges(axes(), [&](Range range) {
    for (size_t k = range.begin; k < range.end; ++k) find_class(k);
  });
  // Vertices are numbered as if the points were visited one by one, with the
  // new vertices of a point in the order of their classes.
  std::vector<uint32_t> next(points_ + 1);
  for (const auto& own : classes_) {
    for (const uint32_t point : own.first_points) ++next[point + 1];
  }
  for (size_t point = 0; point < points_; ++point) {
    next[point + 1] += next[point];
  }
  lattice_.vertices_ = next[points_];
  for (auto& own : classes_) {
    own.numbers.reserve(own.first_points.size());
    for (const uint32_t point : own.first_points) {
      own.numbers.push_back(next[point]++);
    }
    own.first_twin = lattice_.vertices_ + lattice_.twins_.size();
    for (const uint32_t v : own.twins) {
      lattice_.twins_.push_back(own.numbers[v]);
    }
  }
  parallel_ranges(points_, [&](Range range) {
    for (size_t point = range.begin; point < range.end; ++point) {
      for (size_t k = 0; k < axes(); ++k) {
        const auto& own = classes_[k];
        auto& corner = lattice_.corners_[point * axes() + k];
        corner = (corner & kTwin) != 0
                     ? static_cast<uint32_t>(own.first_twin + (corner & ~kTwin))
                     : own.numbers[corner];
      }
    }
  });
}

template <class Key, size_t kAxes>
void LatticeBuilder<Key, kAxes>::find_class(size_t remainder) {
  constexpr size_t kAhead = 16;
  auto& own = classes_[remainder];
  // A small table stays in cache; it grows if there are more vertices.
  own.table = VertexTable<Key>(points_ / 16);
  const Key* keys = &keys_[remainder * points_];
  const auto find = [&](size_t point) {
    if (point + kAhead < points_) own.table.prefetch(keys[point + kAhead]);
    const uint32_t number = own.table.find_or_add(keys[point]);
    if (number == own.first_points.size()) {
      own.first_points.push_back(static_cast<uint32_t>(point));
    }
    return number;
  };
  uint32_t* corners = lattice_.corners_.data() + remainder;
  const size_t half = lattice_.half_;
  for (size_t point = 0; point < half; ++point) {
    corners[point * axes()] = find(point);
  }
  std::vector<uint32_t> twin_of(own.first_points.size(), kNoVertex);
  for (size_t point = half; point < points_; ++point) {
    uint32_t number = find(point);
    if (number < twin_of.size()) {
      auto& twin = twin_of[number];
      if (twin == kNoVertex) {
        twin = kTwin | static_cast<uint32_t>(own.twins.size());
        own.twins.push_back(number);
      }
      number = twin;
    }
    corners[point * axes()] = number;
  }
}

/// Builds the chains along one axis.
template <class Key, size_t kAxes>
void LatticeBuilder<Key, kAxes>::link(size_t axis) {
  const Key step = steps_[axis];
  constexpr size_t kAhead = 16;
  std::vector<uint32_t> next(lattice_.vertices_, kNoVertex);
  std::vector<bool> has_previous(lattice_.vertices_);
  for (size_t k = 0; k < axes(); ++k) {
    const auto& own = classes_[k];
    const auto& others = classes_[(k + 1) % axes()];
    const auto& keys = own.table.keys();
    for (size_t v = 0; v < keys.size(); ++v) {
      if (v + kAhead < keys.size()) {
        others.table.prefetch(keys[v + kAhead] + step);
      }
      const uint32_t found = others.table.find(keys[v] + step);
      if (found == kNoVertex) continue;
      next[own.numbers[v]] = others.numbers[found];
      has_previous[others.numbers[found]] = true;
    }
  }
  auto& chains = lattice_.chains_[axis];
  for (uint32_t head = 0; head < next.size(); ++head) {
    if (has_previous[head] || next[head] == kNoVertex) continue;
    for (uint32_t v = head; v != kNoVertex; v = next[v]) chains.push_back(v);
    chains.back() |= kChainEnd;
  }
}

namespace {

/// Derives the bounds of the vertices from those of the features.
KeyLayout layout_keys(const Features& features) {
  const size_t d = features.dimensions;
  const size_t axes = d + 1;
  const std::vector<double> none_low(axes, std::numeric_limits<double>::max());
  const std::vector<double> none_high(
      axes, std::numeric_limits<double>::lowest()
  );
  auto low = none_low;
  auto high = none_high;
  std::mutex mutex;
  const size_t batches = (features.count + kPoints - 1) / kPoints;
  parallel_ranges(batches, [&](Range range) {
    OfPoints<double> elevated;
    auto own_low = none_low;
    auto own_high = none_high;
    for (size_t batch = range.begin; batch < range.end; ++batch) {
      elevate(features, batch * kPoints, elevated);
      for (size_t i = 0; i < axes; ++i) {
        for (const double value : elevated[i]) {
          own_low[i] = std::min(own_low[i], value);
          own_high[i] = std::max(own_high[i], value);
        }
      }
    }
    const std::lock_guard<std::mutex> lock(mutex);
    for (size_t i = 0; i < axes; ++i) {
      low[i] = std::min(low[i], own_low[i]);
      high[i] = std::max(high[i], own_high[i]);
    }
  });
  KeyLayout layout;
  const auto margin = static_cast<double>(4 * axes);
  constexpr double kFarthest = 1e15;
  for (size_t i = 0; i + 1 < axes; ++i) {
    if (!(low[i] > -kFarthest && high[i] < kFarthest)) {
      layout.bits = std::numeric_limits<unsigned>::max();
      return layout;
    }
    layout.lowest.push_back(static_cast<int64_t>(low[i] - margin));
    layout.shift.push_back(layout.bits);
    const double span = high[i] - low[i] + 2 * margin;
    layout.bits += static_cast<unsigned>(std::ceil(std::log2(span + 1)));
  }
  return layout;
}

size_t checked_axes(const Features& features) {
  if (features.dimensions < 1 || features.dimensions > kMostDimensions) {
    throw ConfigError(fmt::format(
        "a kernel has {} features; the lattice supports 1 to {}",
        features.dimensions, kMostDimensions
    ));
  }
  const size_t axes = features.dimensions + 1;
  if (features.count * axes < kChainEnd) return axes;
  throw ConfigError(fmt::format(
      "an image of {} pixels is too large for the lattice", features.count
  ));
}

}  // namespace

PermutohedralLattice::PermutohedralLattice(const Features& features)
    : points_(features.count),
      axes_(checked_axes(features)),
      half_((points_ + 1) / 2),
      corners_(points_ * axes_, Content::kUnset),
      weights_(points_ * axes_, Content::kUnset) {
  auto layout = layout_keys(features);
  constexpr size_t kColorAxes = 6;
  if (layout.bits <= 64 && axes_ == kColorAxes) {
    LatticeBuilder<uint64_t, kColorAxes>(features, std::move(layout), *this)
        .build();
  } else if (layout.bits <= 64) {
    LatticeBuilder<uint64_t, 0>(features, std::move(layout), *this).build();
  } else if (layout.bits <= 128) {
    LatticeBuilder<WideKey, 0>(features, std::move(layout), *this).build();
  } else {
    throw ConfigError(
        "a kernel's standard deviations are too small for the size of the image; the lattice would have too many vertices"
    );
  }
}

}  // namespace deeplab::crf
