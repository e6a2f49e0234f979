// SPDX-License-Identifier: Apache-2.0
// Minutes on two cores: ctest -L long.
#include "deeplab/model/preset_sizes.h"

namespace deeplab::model {
namespace {

class LongAnyPreset : public ::testing::TestWithParam<std::string> {};

TEST_P(LongAnyPreset, TakesAPhotoOf513) {
  expect_scores_at(make_preset(GetParam()), 513, 513);
}

INSTANTIATE_TEST_SUITE_P(
    All,
    LongAnyPreset,
    ::testing::ValuesIn(preset_names()),
    [](const auto& tested) { return test_name(tested.param); }
);

}  // namespace
}  // namespace deeplab::model
