// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/band_loops.h"

#include "deeplab/crf/kernels/block_loops.h"

namespace deeplab::crf {
namespace {

/// Computes one output of bands, from inputs that start at `from` and are
/// `step` floats apart.
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

/// Computes two outputs at once and loads their common inputs only once. The
/// second output starts one input later, and its taps follow those of the
/// first.
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
  float* result;

  template <size_t kBlocks, class Width>
  DEEPLAB_CRF_INLINE void run(size_t first, Width step) const {
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
      const size_t done = share ? 2 : 1;
      for (size_t at = 0; at < length; at += step) {
        Lanes one[kBlocks];
        Lanes two[kBlocks];
        if (share) {
          sum_taps_of_two<kBlocks>(from + at, line, taps, count, one, two);
          for (size_t b = 0; b < kBlocks; ++b) {
            lanes(to + at + length, b) = two[b];
          }
        } else {
          sum_taps<kBlocks>(from + at, line, taps, count, one);
        }
        for (size_t b = 0; b < kBlocks; ++b) lanes(to + at, b) = one[b];
        // Prefetches the inputs of the next output lines.
        prefetch_row<kBlocks>(from + at + (count + done - 1) * line);
        prefetch_row<kBlocks>(from + at + (count + done) * line);
      }
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
  float* sums;

  template <size_t kBlocks, class Width>
  DEEPLAB_CRF_INLINE void run(size_t first, Width step) const {
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

}  // namespace

DEEPLAB_CRF_WIDTHS
void combine_lines(
    const Bands& columns,
    Range ys,
    const Lines& lines,
    Range range,
    size_t blocks,
    float* result
) {
  for_blocks(blocks, CombineLines{columns, ys, lines, range, result});
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
  for_blocks(blocks, ApplyBands{rows, range, values, begins_at, sums});
}

}  // namespace deeplab::crf
