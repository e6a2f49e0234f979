// SPDX-License-Identifier: Apache-2.0
// These tests take minutes on two cores; run them by ctest -L long.
#include "deeplab/compile/compiled_presets.h"
#include "deeplab/model/exported_presets.h"
#include "deeplab/weights/name_map.h"
#include "deeplab/weights/read_weights.h"
#include "deeplab/weights/safetensors.h"
#include "support/support.h"

namespace deeplab::model {
namespace {

class LongAnyPreset : public ::testing::TestWithParam<std::string> {};

TEST_P(LongAnyPreset, TakesAPhotoOf513) {
  expect_scores_at(make_preset(GetParam()), 513, 513);
}

TEST_P(LongAnyPreset, GradientsReachEveryParameter) {
  expect_gradients_everywhere(make_preset(GetParam()));
}

TEST_P(LongAnyPreset, TakesAnySizeAndBatch) {
  expect_scores_at(make_preset(GetParam()), 1, 1);
  expect_scores_at(make_preset(GetParam()), 33, 65);
}

TEST_P(LongAnyPreset, ComesBackFromAFileBitForBit) {
  const testing::TemporaryFolder folder;
  const auto path = folder / "weights.safetensors";
  const auto network = make_preset(GetParam());
  const auto own = weights::state_dict(*network);
  weights::write_safetensors(path, {own, {}});
  const auto back = weights::read_weights(path, "").tensors;
  ASSERT_EQ(back.size(), own.size());
  for (const auto& item : own) {
    EXPECT_TRUE(torch::equal(back[item.key()], item.value())) << item.key();
  }
}

INSTANTIATE_TEST_SUITE_P(
    All,
    LongAnyPreset,
    ::testing::ValuesIn(preset_names()),
    [](const auto& tested) { return test_name(tested.param); }
);

INSTANTIATE_TEST_SUITE_P(
    All,
    ExportedPresets,
    ::testing::ValuesIn(preset_names()),
    [](const auto& tested) { return test_name(tested.param); }
);

}  // namespace
}  // namespace deeplab::model

namespace deeplab::compile {
namespace {

INSTANTIATE_TEST_SUITE_P(
    All,
    CompiledPresets,
    ::testing::ValuesIn(model::preset_names()),
    [](const auto& tested) { return model::test_name(tested.param); }
);

}  // namespace
}  // namespace deeplab::compile
