// SPDX-License-Identifier: Apache-2.0
#include "e2e/same_weights.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "deeplab/engine/checkpoint.h"

namespace deeplab {
namespace {

bool same_tensors(
    const weights::StateDict& one, const weights::StateDict& other
) {
  for (const auto& item : one) {
    if (!torch::equal(item.value(), other[item.key()])) return false;
  }
  return one.size() == other.size();
}

}  // namespace

bool same_weights(const std::string& one, const std::string& other) {
  const auto a = engine::load_checkpoint(one);
  const auto b = engine::load_checkpoint(other);
  EXPECT_EQ(a.iteration, b.iteration);
  EXPECT_EQ(a.best_mean_iou, b.best_mean_iou);
  return same_tensors(a.network, b.network) &&
         same_tensors(a.velocities, b.velocities) &&
         same_tensors(a.squares, b.squares) &&
         same_tensors(a.averages, b.averages);
}

}  // namespace deeplab
