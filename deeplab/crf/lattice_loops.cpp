// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/lattice_loops.h"

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
  Range classes;
  Rows& vertices;

  template <size_t kBlocks>
  DEEPLAB_CRF_INLINE void run(size_t first) const {
    constexpr size_t kAhead = 4;
    const size_t per_pixel = corners.per_pixel;
    const uint32_t* vertex = corners.vertices;
    const float* weight = corners.weights;
    for (size_t pixel = 0; pixel < values.count(); ++pixel) {
      Lanes own[kBlocks];
      for (size_t b = 0; b < kBlocks; ++b) {
        own[b] = lanes(values[pixel], first + b) * factors[pixel];
      }
      const bool more = pixel + kAhead < values.count();
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

struct CombineLines {
  const Bands& columns;
  size_t y;
  const Lines& lines;
  Range range;
  size_t blocks;
  float* result;

  template <size_t kBlocks>
  DEEPLAB_CRF_INLINE void run(size_t first) const {
    const size_t step = blocks * kLanes;
    const size_t top = columns.first[y] * lines.width;
    const float* taps = &columns.taps[y * columns.count];
    float* to = result;
    for (size_t x = range.begin; x < range.end; ++x) {
      Lanes sum[kBlocks] = {};
      size_t at = top + x;
      for (size_t t = 0; t < columns.count; ++t, at += lines.width) {
        const float weight =
            lines.given == nullptr ? taps[t] : taps[t] * lines.given[at];
        const float* row = lines.values + at * step;
        for (size_t b = 0; b < kBlocks; ++b) {
          sum[b] += lanes(row, first + b) * weight;
        }
      }
      for (size_t b = 0; b < kBlocks; ++b) lanes(to, first + b) = sum[b];
      to += step;
    }
  }
};

struct ApplyBands {
  const Bands& rows;
  Range range;
  const float* values;
  size_t begins_at;
  const float* factor;
  size_t blocks;
  float* sums;

  template <size_t kBlocks>
  DEEPLAB_CRF_INLINE void run(size_t first) const {
    const size_t step = blocks * kLanes;
    const float* taps = &rows.taps[range.begin * rows.count];
    float* to = sums;
    for (size_t x = range.begin; x < range.end; ++x) {
      Lanes sum[kBlocks] = {};
      const float* row = values + (rows.first[x] - begins_at) * step;
      for (size_t t = 0; t < rows.count; ++t, row += step) {
        for (size_t b = 0; b < kBlocks; ++b) {
          sum[b] += lanes(row, first + b) * taps[t];
        }
      }
      for (size_t b = 0; b < kBlocks; ++b) {
        lanes(to, first + b) += sum[b] * factor[x - range.begin];
      }
      taps += rows.count;
      to += step;
    }
  }
};

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

struct AllPairs {
  const Pairs& pairs;
  const Rows& rows;
  float factor;
  float* sums;

  template <size_t kBlocks>
  DEEPLAB_CRF_INLINE void run(size_t first) const {
    Lanes sum[kBlocks] = {};
    for (size_t from = 0; from < rows.count(); from += kLanes) {
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
void add_all_pairs(
    const Pairs& pairs, const Rows& rows, float factor, float* sums
) {
  for_blocks(rows.blocks(), AllPairs{pairs, rows, factor, sums});
}

DEEPLAB_CRF_WIDTHS
void splat_corners(
    const Corners& corners,
    const float* factors,
    const Rows& values,
    Range classes,
    Rows& vertices
) {
  for_blocks(
      values.blocks(), Splat{corners, factors, values, classes, vertices}
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
    size_t y,
    const Lines& lines,
    Range range,
    size_t blocks,
    float* result
) {
  for_blocks(blocks, CombineLines{columns, y, lines, range, blocks, result});
}

DEEPLAB_CRF_WIDTHS
void apply_bands(
    const Bands& rows,
    Range range,
    const float* values,
    size_t begins_at,
    const float* factor,
    size_t blocks,
    float* sums
) {
  for_blocks(
      blocks, ApplyBands{rows, range, values, begins_at, factor, blocks, sums}
  );
}

DEEPLAB_CRF_WIDTHS
double softmax_rows(
    const float* unary,
    float* sums,
    size_t blocks,
    size_t count,
    const float* rows,
    float* fresh
) {
  const size_t width = blocks * kLanes;
  Lanes changed = {};
  for (size_t i = 0; i < count; ++i) {
    Lanes most = Lanes{} + std::numeric_limits<float>::lowest();
    for (size_t b = 0; b < blocks; ++b) {
      const Lanes logits = lanes(sums, b) - lanes(unary, b);
      lanes(sums, b) = logits;
      most = larger(logits, most);
    }
    const float top = largest_of(most);
    Lanes total = {};
    for (size_t b = 0; b < blocks; ++b) {
      const Lanes power = exp_of_negative(lanes(sums, b) - top);
      lanes(sums, b) = power;
      total += power;
    }
    const float share = 1 / sum_of(total);
    for (size_t b = 0; b < blocks; ++b) {
      const Lanes value = lanes(sums, b) * share;
      const Lanes by = value - lanes(rows, b);
      changed += larger(by, -by);
      lanes(fresh, b) = value;
    }
    unary += width;
    sums += width;
    rows += width;
    fresh += width;
  }
  return static_cast<double>(sum_of(changed));
}

}  // namespace deeplab::crf
