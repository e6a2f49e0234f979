// SPDX-License-Identifier: Apache-2.0
// A small training, on which the tests of training options are based.
#pragma once

#include <algorithm>
#include <string>

#include <fmt/core.h>
#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/engine/train_config.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/weights/state_dict.h"

namespace deeplab::engine {

inline model::DeepLabConfig option_network_config(const std::string& backbone) {
  model::DeepLabConfig config;
  config.backbone = backbone;
  config.aspp.channels = 8;
  config.aspp.separable = true;
  config.aspp.dropout = 0;
  config.decoder_options.channels = 8;
  config.decoder_options.separable = true;
  return config;
}

inline model::DeepLab option_network(const model::DeepLabConfig& config) {
  torch::manual_seed(7);
  return model::DeepLab(config, 4);
}

inline TrainConfig option_training(int64_t iterations) {
  TrainConfig config;
  config.iterations = iterations;
  config.batch_size = 4;
  config.learning_rate = 0.02;
  config.validate_every = 0;
  return config;
}

/// Returns images of one step, which depend only on the arguments. It uses its
/// own random generator, because several threads call it.
inline Batch option_batch(int64_t iteration, int64_t first, int64_t count) {
  auto generator = at::detail::createCPUGenerator();
  generator.set_current_seed(static_cast<uint64_t>(100 + iteration));
  Batch batch;
  batch.images =
      torch::randn({4, 3, 33, 33}, generator).narrow(0, first, count).clone();
  batch.labels = torch::randint(0, 4, {4, 33, 33}, generator, torch::kLong)
                     .narrow(0, first, count)
                     .clone();
  // The pieces have different numbers of pixels that are not void.
  if (first + count == 4) batch.labels[count - 1].slice(0, 0, 20).fill_(kVoid);
  for (int64_t i = 0; i < count; ++i) {
    batch.names.push_back(fmt::format("image {}", first + i));
  }
  return batch;
}

inline double largest_difference(
    const weights::StateDict& one, const weights::StateDict& other
) {
  double most = 0;
  for (const auto& item : one) {
    if (!item.value().is_floating_point()) continue;
    most = std::max(
        most, (item.value() - other[item.key()]).abs().max().item<double>()
    );
  }
  return most;
}

}  // namespace deeplab::engine
