// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/train_config.h"

#include <cmath>

#include "deeplab/core/error.h"
#include "deeplab/core/output_stride.h"

namespace deeplab::engine {
namespace {

template <class Number>
void check(const char* key, Number value, bool holds, const char* rule) {
  if (holds && std::isfinite(static_cast<double>(value))) return;
  throw ConfigError(str("train.", key, " is ", value, "; must be ", rule));
}

}  // namespace

void TrainConfig::validate(int64_t num_classes) const {
  check("iterations", iterations, iterations >= 1, ">= 1");
  check("batch_size", batch_size, batch_size >= 1, ">= 1");
  to_output_stride(output_stride, "train.output_stride");
  check("learning_rate", learning_rate, learning_rate >= 0, ">= 0");
  check("head_multiplier", head_multiplier, head_multiplier >= 0, ">= 0");
  check("momentum", momentum, momentum >= 0 && momentum < 1, "in [0, 1)");
  check("weight_decay", weight_decay, weight_decay >= 0, ">= 0");
  check("poly_power", poly_power, poly_power >= 0, ">= 0");
  check(
      "batch_norm_momentum",
      batch_norm_momentum,
      batch_norm_momentum > 0 && batch_norm_momentum <= 1,
      "in (0, 1]"
  );
  check("validate_every", validate_every, validate_every >= 0, ">= 0");
  check("checkpoint_every", checkpoint_every, checkpoint_every >= 0, ">= 0");
  check("seed", seed, seed >= 0, ">= 0");
  if (batch_norm != "train" && batch_norm != "frozen") {
    throw ConfigError(
        str("train.batch_norm is \"", batch_norm, "\"; known: train, frozen")
    );
  }
  if (batch_norm == "train" && batch_size == 1) {
    throw ConfigError(
        "train.batch_size is 1; batch norm cannot learn from one image, so "
        "must be >= 2, or train.batch_norm \"frozen\""
    );
  }
  if (batch_norm == "train" && !drop_last) {
    throw ConfigError(
        "train.drop_last is false while batch norm is trained; a last batch "
        "may hold one image, so set train.batch_norm to \"frozen\""
    );
  }
  const auto weights = static_cast<int64_t>(class_weights.size());
  if (weights != 0 && weights != num_classes) {
    throw ConfigError(
        str("train.class_weights has ",
            weights,
            " weights; the data set has ",
            num_classes,
            " classes")
    );
  }
  for (size_t i = 0; i < class_weights.size(); ++i) {
    check(
        str("class_weights[", i, "]").c_str(),
        class_weights[i],
        class_weights[i] >= 0,
        ">= 0"
    );
  }
}

double poly_learning_rate(const TrainConfig& config, int64_t iteration) {
  const double done =
      static_cast<double>(iteration) / static_cast<double>(config.iterations);
  return config.learning_rate * std::pow(1 - done, config.poly_power);
}

}  // namespace deeplab::engine
