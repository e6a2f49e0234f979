// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/planes.h"

#include <limits>
#include <numeric>

#include "support/support.h"

namespace deeplab::crf {
namespace {

constexpr float kPadding = -3;
constexpr float kLimit = 1e6F;

struct Case {
  size_t pixels;
  std::vector<size_t> labels;
};

class Planes : public ::testing::TestWithParam<Case> {
 protected:
  static constexpr size_t kPlanes = 40;

  std::vector<float> planes() const {
    std::vector<float> values(kPlanes * GetParam().pixels);
    std::iota(values.begin(), values.end(), 1.0F);
    return values;
  }
};

TEST_P(Planes, BecomeRowsAndTheSamePlanes) {
  const auto& [pixels, labels] = GetParam();
  const auto values = planes();
  Rows rows(pixels, labels.size());
  ASSERT_TRUE(read_planes(
      values.data(), {labels, pixels}, {0, pixels}, kPadding, kLimit, rows
  ));
  for (size_t i = 0; i < pixels; ++i) {
    for (size_t l = 0; l < rows.width(); ++l) {
      const float expected =
          l < labels.size() ? values[labels[l] * pixels + i] : kPadding;
      ASSERT_EQ(rows[i][l], expected) << "pixel " << i << ", column " << l;
    }
  }
  std::vector<float> back(values.size());
  write_planes(rows, {labels, pixels}, {0, pixels}, back.data());
  std::vector<float> expected(values.size());
  for (const size_t label : labels) {
    const auto begin = static_cast<std::ptrdiff_t>(label * pixels);
    std::copy_n(
        values.begin() + begin, static_cast<std::ptrdiff_t>(pixels),
        expected.begin() + begin
    );
  }
  EXPECT_EQ(back, expected);
}

TEST_P(Planes, TellOfValuesBeyondTheLimit) {
  const auto& [pixels, labels] = GetParam();
  Rows rows(pixels, labels.size());
  for (const float bad :
       {2 * kLimit, -2 * kLimit, std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()}) {
    for (const size_t at : {size_t{0}, pixels / 2, pixels - 1}) {
      auto values = planes();
      values[labels.back() * pixels + at] = bad;
      EXPECT_FALSE(read_planes(
          values.data(), {labels, pixels}, {0, pixels}, kPadding, kLimit, rows
      )) << bad
         << " at pixel " << at;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All,
    Planes,
    ::testing::Values(
        Case{1, {0, 1}},
        Case{8, {3, 1, 2}},
        Case{13, {0, 1, 2, 3, 4, 5, 6, 7}},
        Case{40, {39, 0, 7, 8, 9, 12, 20, 21, 33}},
        Case{7, {0, 1, 2}}
    )
);

}  // namespace
}  // namespace deeplab::crf
