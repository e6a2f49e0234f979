// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/planes.h"

#include <algorithm>
#include <cmath>

#include "deeplab/crf/kernels/lanes.h"

namespace deeplab::crf {
namespace {

/// Transposes a square block of values.
DEEPLAB_CRF_INLINE void transpose(Lanes (&v)[kLanes]) {
  Lanes pairs[kLanes];
  for (size_t i = 0; i < kLanes; i += 2) {
    pairs[i] = DEEPLAB_CRF_MERGE(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[i + 1] =
        DEEPLAB_CRF_MERGE(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  Lanes fours[kLanes];
  for (size_t i = 0; i < kLanes; i += 4) {
    for (size_t j = 0; j < 2; ++j) {
      const Lanes one = pairs[i + j];
      const Lanes two = pairs[i + j + 2];
      fours[i + 2 * j] = DEEPLAB_CRF_MERGE(one, two, 0, 1, 8, 9, 4, 5, 12, 13);
      fours[i + 2 * j + 1] =
          DEEPLAB_CRF_MERGE(one, two, 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (size_t i = 0; i < 4; ++i) {
    const Lanes one = fours[i];
    const Lanes two = fours[i + 4];
    v[i] = DEEPLAB_CRF_MERGE(one, two, 0, 1, 2, 3, 8, 9, 10, 11);
    v[i + 4] = DEEPLAB_CRF_MERGE(one, two, 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

DEEPLAB_CRF_INLINE bool is_within(float value, float limit) {
  return std::abs(value) <= limit;
}

}  // namespace

DEEPLAB_CRF_WIDTHS
bool read_planes(
    const float* planes,
    const Columns& columns,
    Range range,
    float padding,
    float limit,
    Rows& rows
) {
  LaneInts within = LaneInts{} - 1;
  size_t i = range.begin;
  for (; i + kLanes <= range.end; i += kLanes) {
    for (size_t b = 0; b < rows.blocks(); ++b) {
      Lanes v[kLanes];
      for (size_t l = 0; l < kLanes; ++l) {
        v[l] = Lanes{} + padding;
        if (b * kLanes + l >= columns.labels.size()) continue;
        const size_t label = columns.labels[b * kLanes + l];
        std::memcpy(&v[l], planes + label * columns.pixels + i, sizeof(v[l]));
        within &= (v[l] <= limit) & (v[l] >= -limit);
      }
      transpose(v);
      for (size_t p = 0; p < kLanes; ++p) lanes(rows[i + p], b) = v[p];
    }
  }
  bool all_within = true;
  for (size_t l = 0; l < kLanes; ++l) all_within = all_within && within[l] != 0;
  for (; i < range.end; ++i) {
    std::fill(rows[i], rows[i + 1], padding);
    for (size_t l = 0; l < columns.labels.size(); ++l) {
      const float value = planes[columns.labels[l] * columns.pixels + i];
      all_within = all_within && is_within(value, limit);
      rows[i][l] = value;
    }
  }
  return all_within;
}

DEEPLAB_CRF_WIDTHS
void write_planes(
    const Rows& rows, const Columns& columns, Range range, float* planes
) {
  size_t i = range.begin;
  for (; i + kLanes <= range.end; i += kLanes) {
    for (size_t b = 0; b < rows.blocks(); ++b) {
      Lanes v[kLanes];
      for (size_t p = 0; p < kLanes; ++p) v[p] = lanes(rows[i + p], b);
      transpose(v);
      const size_t labels =
          std::min(kLanes, columns.labels.size() - b * kLanes);
      for (size_t l = 0; l < labels; ++l) {
        const size_t label = columns.labels[b * kLanes + l];
        std::memcpy(planes + label * columns.pixels + i, &v[l], sizeof(v[l]));
      }
    }
  }
  for (; i < range.end; ++i) {
    for (size_t l = 0; l < columns.labels.size(); ++l) {
      planes[columns.labels[l] * columns.pixels + i] = rows[i][l];
    }
  }
}

}  // namespace deeplab::crf
