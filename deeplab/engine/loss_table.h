// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "deeplab/core/names.h"
#include "deeplab/engine/loss_config.h"

namespace deeplab::engine {

/// One loss that train.loss can name. A loss is either pixel-wise, computed
/// from each pixel's cross-entropy, or region-wise, computed from the
/// probabilities of all pixels. The function of the other kind is null.
struct LossEntry {
  const char* name;
  /// Shapes: cross-entropies of any shape -> losses of the same shape.
  torch::Tensor (*of_entropies
  )(const LossConfig& config, const torch::Tensor& entropies);
  /// Shapes: as in region_loss.h.
  torch::Tensor (*of_regions
  )(const LossConfig& config,
    const torch::Tensor& probabilities,
    const torch::Tensor& labels);
  /// The keys of LossConfig that this loss reads besides kind and weight.
  const char* keys;
  const char* about;
};

/// Throws: ConfigError listing the known losses, if `name` is not one of them.
const LossEntry& find_loss(const std::string& name);

/// Returns the losses with a one-line description of each.
std::vector<NamedUse> loss_uses();

}  // namespace deeplab::engine
