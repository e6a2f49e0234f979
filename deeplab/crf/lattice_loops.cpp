// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/lattice_loops.h"

#include "deeplab/crf/block_loops.h"
#include "deeplab/crf/permutohedral.h"

namespace deeplab::crf {
namespace {

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
    float* sums
) {
  for_blocks(
      vertices.blocks(), Slice{corners, factors, vertices, pixels, sums}
  );
}

}  // namespace deeplab::crf
