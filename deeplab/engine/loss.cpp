// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/loss.h"

#include <torch/nn/functional/loss.h>

#include "deeplab/core/sample.h"

namespace deeplab::engine {
namespace {

/// Below the weight of any pixel.
constexpr double kTiny = 1e-12;

}  // namespace

torch::Tensor segmentation_loss(
    const torch::Tensor& logits,
    const torch::Tensor& labels,
    const torch::Tensor& class_weights
) {
  namespace functional = torch::nn::functional;
  const auto sum = functional::cross_entropy(
      logits,
      labels,
      functional::CrossEntropyFuncOptions()
          .weight(class_weights)
          .ignore_index(kVoid)
          .reduction(torch::kSum)
  );
  const auto counted = labels.ne(kVoid);
  const auto total =
      class_weights.defined()
          ? class_weights.index_select(0, labels.masked_select(counted)).sum()
          : counted.sum();
  // With nothing to divide, the sum is 0 and stays it.
  return sum / total.to(sum.dtype()).clamp_min(kTiny);
}

}  // namespace deeplab::engine
