// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/lattice_loops.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "deeplab/crf/lanes.h"
#include "deeplab/crf/permutohedral.h"

namespace deeplab::crf {
namespace {

/// Calls body.run<kBlocks>(first block) for all blocks of a row, up to four at
/// a time, so that sums stay in registers.
template <class Body>
DEEPLAB_CRF_INLINE void for_blocks(size_t blocks, const Body& body) {
  size_t first = 0;
  for (; first + 4 <= blocks; first += 4) body.template run<4>(first);
  switch (blocks - first) {
    case 3:
      body.template run<3>(first);
      break;
    case 2:
      body.template run<2>(first);
      break;
    case 1:
      body.template run<1>(first);
      break;
    default:
      break;
  }
}

/// Blocks of a row lie in one or two cache lines.
template <size_t kBlocks>
DEEPLAB_CRF_INLINE void prefetch_row(const float* row) {
  __builtin_prefetch(row);
  if constexpr (kBlocks > 1) __builtin_prefetch(row + kBlocks * kLanes - 1);
}

struct Splat {
  const Corners& corners;
  const float* factors;
  const Rows& values;
  Range pixels;
  Range classes;
  Rows& vertices;

  template <size_t kBlocks>
  DEEPLAB_CRF_INLINE void run(size_t first) const {
    constexpr size_t kAhead = 4;
    const size_t per_pixel = corners.per_pixel;
    const uint32_t* vertex = corners.vertices + pixels.begin * per_pixel;
    const float* weight = corners.weights + pixels.begin * per_pixel;
    for (size_t pixel = pixels.begin; pixel < pixels.end; ++pixel) {
      Lanes own[kBlocks];
      for (size_t b = 0; b < kBlocks; ++b) {
        own[b] = lanes(values[pixel], first + b) * factors[pixel];
      }
      const bool more = pixel + kAhead < pixels.end;
      for (size_t k = classes.begin; k < classes.end; ++k) {
        if (more) {
          prefetch_row<kBlocks>(
              vertices[vertex[kAhead * per_pixel + k]] + first * kLanes
          );
        }
        float* row = vertices[vertex[k]];
        const float share = weight[k];
        for (size_t b = 0; b < kBlocks; ++b) {
          lanes(row, first + b) += own[b] * share;
        }
      }
      vertex += per_pixel;
      weight += per_pixel;
    }
  }
};

struct Blur {
  const uint32_t* chains;
  Range entries;
  Rows& vertices;

  template <size_t kBlocks>
  DEEPLAB_CRF_INLINE void run(size_t first) const {
    constexpr size_t kAhead = 12;
    Lanes previous[kBlocks] = {};
    for (size_t i = entries.begin; i < entries.end; ++i) {
      const uint32_t entry = chains[i];
      if (i + kAhead < entries.end) {
        prefetch_row<kBlocks>(
            vertices[chains[i + kAhead] & ~PermutohedralLattice::kChainEnd] +
            first * kLanes
        );
      }
      float* row = vertices[entry & ~PermutohedralLattice::kChainEnd];
      if ((entry & PermutohedralLattice::kChainEnd) != 0) {
        for (size_t b = 0; b < kBlocks; ++b) {
          lanes(row, first + b) += previous[b] * 0.5F;
          previous[b] = Lanes{};
        }
        continue;
      }
      const float* next =
          vertices[chains[i + 1] & ~PermutohedralLattice::kChainEnd];
      for (size_t b = 0; b < kBlocks; ++b) {
        const Lanes own = lanes(row, first + b);
        lanes(row, first + b) =
            own + (previous[b] + lanes(next, first + b)) * 0.5F;
        previous[b] = own;
      }
    }
  }
};

struct Slice {
  const Corners& corners;
  const float* factors;
  const Rows& vertices;
  Range pixels;
  float* sums;

  template <size_t kBlocks>
  DEEPLAB_CRF_INLINE void run(size_t first) const {
    const size_t begin = pixels.begin * corners.per_pixel;
    const uint32_t* vertex = corners.vertices + begin;
    const float* weight = corners.weights + begin;
    float* row = sums;
    for (size_t pixel = pixels.begin; pixel < pixels.end; ++pixel) {
      Lanes sum[kBlocks] = {};
      for (size_t i = 0; i < corners.per_pixel; ++i) {
        const float* from = vertices[*vertex++];
        const float share = *weight++;
        for (size_t b = 0; b < kBlocks; ++b) {
          sum[b] += lanes(from, first + b) * share;
        }
      }
      for (size_t b = 0; b < kBlocks; ++b) {
        lanes(row, first + b) += sum[b] * factors[pixel];
      }
      row += vertices.width();
    }
  }
};

/// One output of bands, from inputs that begin at `from` and are `step` apart.
template <size_t kBlocks>
DEEPLAB_CRF_INLINE void sum_taps(
    const float* from,
    size_t step,
    const float* taps,
    size_t count,
    Lanes (&sum)[kBlocks]
) {
  for (size_t b = 0; b < kBlocks; ++b) sum[b] = lanes(from, b) * taps[0];
  for (size_t t = 1; t < count; ++t) {
    from += step;
    for (size_t b = 0; b < kBlocks; ++b) sum[b] += lanes(from, b) * taps[t];
  }
}

/// Two outputs, of which the second begins an input later and whose taps are
/// behind the first's: what both come from is loaded once.
template <size_t kBlocks>
DEEPLAB_CRF_INLINE void sum_taps_of_two(
    const float* from,
    size_t step,
    const float* taps,
    size_t count,
    Lanes (&one)[kBlocks],
    Lanes (&two)[kBlocks]
) {
  const float* others = taps + count;
  for (size_t b = 0; b < kBlocks; ++b) {
    one[b] = lanes(from, b) * taps[0];
    two[b] = Lanes{};
  }
  for (size_t t = 1; t < count; ++t) {
    from += step;
    for (size_t b = 0; b < kBlocks; ++b) {
      const Lanes value = lanes(from, b);
      one[b] += value * taps[t];
      two[b] += value * others[t - 1];
    }
  }
  from += step;
  for (size_t b = 0; b < kBlocks; ++b) {
    two[b] += lanes(from, b) * others[count - 1];
  }
}

struct CombineLines {
  const Bands& columns;
  Range ys;
  const Lines& lines;
  Range range;
  size_t blocks;
  float* result;

  template <size_t kBlocks>
  DEEPLAB_CRF_INLINE void run(size_t first) const {
    const size_t step = blocks * kLanes;
    const size_t length = (range.end - range.begin) * step;
    const size_t line = lines.width * step;
    const size_t count = columns.count;
    float* to = result + first * kLanes;
    for (size_t y = ys.begin; y < ys.end;) {
      const float* taps = &columns.taps[y * count];
      const float* from = lines.values + columns.first[y] * line +
                          range.begin * step + first * kLanes;
      const bool share =
          y + 1 < ys.end && columns.first[y + 1] == columns.first[y] + 1;
      for (size_t at = 0; at < length; at += step) {
        Lanes one[kBlocks];
        Lanes two[kBlocks];
        if (share) {
          sum_taps_of_two<kBlocks>(from + at, line, taps, count, one, two);
          for (size_t b = 0; b < kBlocks; ++b) {
            lanes(to + at + length, b) = two[b];
          }
          // What the next two lines' outputs need.
          prefetch_row<kBlocks>(from + at + (count + 1) * line);
          prefetch_row<kBlocks>(from + at + (count + 2) * line);
        } else {
          sum_taps<kBlocks>(from + at, line, taps, count, one);
        }
        for (size_t b = 0; b < kBlocks; ++b) lanes(to + at, b) = one[b];
      }
      const size_t done = share ? 2 : 1;
      y += done;
      to += done * length;
    }
  }
};

struct ApplyBands {
  const Bands& rows;
  Range range;
  const float* values;
  size_t begins_at;
  size_t blocks;
  float* sums;

  template <size_t kBlocks>
  DEEPLAB_CRF_INLINE void run(size_t first) const {
    const size_t step = blocks * kLanes;
    const size_t count = rows.count;
    const float* taps = &rows.taps[range.begin * count];
    float* to = sums + first * kLanes;
    for (size_t x = range.begin; x < range.end;) {
      const float* from =
          values + (rows.first[x] - begins_at) * step + first * kLanes;
      const bool share =
          x + 1 < range.end && rows.first[x + 1] == rows.first[x] + 1;
      Lanes one[kBlocks];
      Lanes two[kBlocks];
      if (share) {
        sum_taps_of_two<kBlocks>(from, step, taps, count, one, two);
        for (size_t b = 0; b < kBlocks; ++b) lanes(to + step, b) += two[b];
      } else {
        sum_taps<kBlocks>(from, step, taps, count, one);
      }
      for (size_t b = 0; b < kBlocks; ++b) lanes(to, b) += one[b];
      const size_t done = share ? 2 : 1;
      x += done;
      taps += done * count;
      to += done * step;
    }
  }
};

/// `kBlocks` is the number of blocks if that is known when compiled, so that
/// they stay in registers, or 0.
template <size_t kBlocks>
DEEPLAB_CRF_INLINE double softmax_of(const SoftmaxRows& pixels) {
  const size_t all = kBlocks == 0 ? pixels.blocks : kBlocks;
  Lanes kept[std::max<size_t>(kBlocks, 1)];
  Lanes changed = {};
  for (size_t i = 0; i < pixels.count; ++i) {
    const size_t at = i * all * kLanes;
    const float* unary = pixels.unary + at;
    float* sums = pixels.sums + at;
    const float* rows = pixels.rows + at;
    float* fresh = pixels.fresh + at;
    const auto value = [&](size_t b) -> Lanes& {
      if constexpr (kBlocks == 0) return lanes(sums, b);
      return kept[b];
    };
    if (pixels.ahead != 0) {
      for (size_t b = 0; b < all; b += 2) {
        const size_t later = pixels.ahead + b * kLanes;
        __builtin_prefetch(unary + later);
        __builtin_prefetch(rows + later);
        __builtin_prefetch(fresh + later, 1);
      }
    }
    Lanes most = Lanes{} + std::numeric_limits<float>::lowest();
    for (size_t b = 0; b < all; ++b) {
      value(b) = lanes(sums, b) - lanes(unary, b);
      most = larger(value(b), most);
    }
    const float top = largest_of(most);
    Lanes total = {};
    for (size_t b = 0; b < all; ++b) {
      value(b) = exp_of_negative(value(b) - top);
      total += value(b);
    }
    const float share = 1 / sum_of(total);
    for (size_t b = 0; b < all; ++b) {
      const Lanes q = value(b) * share;
      const Lanes by = q - lanes(rows, b);
      changed += larger(by, -by);
      lanes(fresh, b) = q;
    }
  }
  return static_cast<double>(sum_of(changed));
}

/// The weights of kLanes pixels, from `from` on.
DEEPLAB_CRF_INLINE Lanes pair_weights(const Pairs& pairs, size_t from) {
  Lanes square = {};
  for (size_t d = 0; d < pairs.coordinates.count(); ++d) {
    const float* all = pairs.coordinates[d];
    const Lanes apart = lanes(all + from, 0) - all[pairs.pixel];
    square += apart * apart;
  }
  return exp_of_negative(square * -0.5F);
}

struct AddPairs {
  const Pairs& pairs;
  const Rows& rows;
  Range others;
  float factor;
  float* sums;

  template <size_t kBlocks>
  DEEPLAB_CRF_INLINE void run(size_t first) const {
    Lanes sum[kBlocks] = {};
    for (size_t from = others.begin; from < others.end; from += kLanes) {
      const Lanes weights = pair_weights(pairs, from);
      if (largest_of(weights) == 0) continue;
      for (size_t i = 0; i < kLanes; ++i) {
        const float weight = weights[i];
        const float* row = rows[from + i];
        for (size_t b = 0; b < kBlocks; ++b) {
          sum[b] += lanes(row, first + b) * weight;
        }
      }
    }
    for (size_t b = 0; b < kBlocks; ++b) {
      lanes(sums, first + b) += sum[b] * factor;
    }
  }
};

}  // namespace

DEEPLAB_CRF_WIDTHS
void compute_pairs(const Pairs& pairs, float* weights) {
  for (size_t from = 0; from < pairs.coordinates.width(); from += kLanes) {
    const Lanes eight = pair_weights(pairs, from);
    std::memcpy(weights + from, &eight, sizeof(eight));
  }
}

DEEPLAB_CRF_WIDTHS
void add_pairs(
    const Pairs& pairs,
    const Rows& rows,
    Range others,
    float factor,
    float* sums
) {
  for_blocks(rows.blocks(), AddPairs{pairs, rows, others, factor, sums});
}

DEEPLAB_CRF_WIDTHS
void splat_corners(
    const Corners& corners,
    const float* factors,
    const Rows& values,
    Range pixels,
    Range classes,
    Rows& vertices
) {
  for_blocks(
      values.blocks(),
      Splat{corners, factors, values, pixels, classes, vertices}
  );
}

DEEPLAB_CRF_WIDTHS
void blur_chains(const uint32_t* chains, Range entries, Rows& vertices) {
  for_blocks(vertices.blocks(), Blur{chains, entries, vertices});
}

DEEPLAB_CRF_WIDTHS
void slice_corners(
    const Corners& corners,
    const float* factors,
    const Rows& vertices,
    Range pixels,
    float* sums
) {
  for_blocks(
      vertices.blocks(), Slice{corners, factors, vertices, pixels, sums}
  );
}

DEEPLAB_CRF_WIDTHS
void combine_lines(
    const Bands& columns,
    Range ys,
    const Lines& lines,
    Range range,
    size_t blocks,
    float* result
) {
  for_blocks(blocks, CombineLines{columns, ys, lines, range, blocks, result});
}

DEEPLAB_CRF_WIDTHS
void apply_bands(
    const Bands& rows,
    Range range,
    const float* values,
    size_t begins_at,
    size_t blocks,
    float* sums
) {
  for_blocks(blocks, ApplyBands{rows, range, values, begins_at, blocks, sums});
}

DEEPLAB_CRF_WIDTHS
double softmax_rows(const SoftmaxRows& pixels) {
  switch (pixels.blocks) {
    case 1:
      return softmax_of<1>(pixels);
    case 2:
      return softmax_of<2>(pixels);
    case 3:
      return softmax_of<3>(pixels);
    case 4:
      return softmax_of<4>(pixels);
    default:
      return softmax_of<0>(pixels);
  }
}

}  // namespace deeplab::crf
