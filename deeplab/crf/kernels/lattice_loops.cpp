// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/lattice_loops.h"

#include "deeplab/crf/kernels/block_loops.h"

namespace deeplab::crf {
namespace {

struct Splat {
  const Corners& corners;
  const float* factors;
  const Rows& values;
  Range pixels;
  Range classes;
  Rows& vertices;

  template <size_t kBlocks, class Width>
  DEEPLAB_CRF_INLINE void run(size_t first, Width width) const {
    constexpr size_t kAhead = 4;
    const size_t per_pixel = corners.per_pixel;
    float* rows = vertices[0] + first * kLanes;
    const float* value = values[pixels.begin] + first * kLanes;
    const uint32_t* vertex = corners.vertices + pixels.begin * per_pixel;
    const float* weight = corners.weights + pixels.begin * per_pixel;
    for (size_t pixel = pixels.begin; pixel < pixels.end; ++pixel) {
      Lanes own[kBlocks];
      for (size_t b = 0; b < kBlocks; ++b) {
        own[b] = lanes(value, b) * factors[pixel];
      }
      const bool more = pixel + kAhead < pixels.end;
      for (size_t k = classes.begin; k < classes.end; ++k) {
        if (more) {
          prefetch_row<kBlocks>(rows + vertex[kAhead * per_pixel + k] * width);
        }
        float* row = rows + vertex[k] * width;
        const float share = weight[k];
        for (size_t b = 0; b < kBlocks; ++b) lanes(row, b) += own[b] * share;
      }
      value += width;
      vertex += per_pixel;
      weight += per_pixel;
    }
  }
};

struct Blur {
  const uint32_t* chains;
  Range entries;
  Rows& vertices;

  template <size_t kBlocks, class Width>
  DEEPLAB_CRF_INLINE void run(size_t first, Width width) const {
    constexpr size_t kAhead = 12;
    float* rows = vertices[0] + first * kLanes;
    Lanes previous[kBlocks] = {};
    for (size_t i = entries.begin; i < entries.end; ++i) {
      const uint32_t entry = chains[i];
      if (i + kAhead < entries.end) {
        prefetch_row<kBlocks>(rows + (chains[i + kAhead] & ~kChainEnd) * width);
      }
      float* row = rows + (entry & ~kChainEnd) * width;
      if ((entry & kChainEnd) != 0) {
        for (size_t b = 0; b < kBlocks; ++b) {
          lanes(row, b) += previous[b] * 0.5F;
          previous[b] = Lanes{};
        }
        continue;
      }
      const float* next = rows + (chains[i + 1] & ~kChainEnd) * width;
      for (size_t b = 0; b < kBlocks; ++b) {
        const Lanes own = lanes(row, b);
        lanes(row, b) = own + (previous[b] + lanes(next, b)) * 0.5F;
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
  size_t ahead;
  float* sums;

  template <size_t kBlocks, class Width>
  DEEPLAB_CRF_INLINE void run(size_t first, Width width) const {
    const size_t begin = pixels.begin * corners.per_pixel;
    const uint32_t* vertex = corners.vertices + begin;
    const float* weight = corners.weights + begin;
    const float* rows = vertices[0] + first * kLanes;
    float* to = sums + first * kLanes;
    for (size_t pixel = pixels.begin; pixel < pixels.end; ++pixel) {
      __builtin_prefetch(vertex + ahead * corners.per_pixel);
      __builtin_prefetch(weight + ahead * corners.per_pixel);
      Lanes sum[kBlocks] = {};
      for (size_t i = 0; i < corners.per_pixel; ++i) {
        const float* from = rows + *vertex++ * width;
        const float share = *weight++;
        for (size_t b = 0; b < kBlocks; ++b) sum[b] += lanes(from, b) * share;
      }
      for (size_t b = 0; b < kBlocks; ++b) {
        lanes(to, b) += sum[b] * factors[pixel];
      }
      to += width;
    }
  }
};

}  // namespace

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
    size_t ahead,
    float* sums
) {
  for_blocks(
      vertices.blocks(), Slice{corners, factors, vertices, pixels, ahead, sums}
  );
}

}  // namespace deeplab::crf
