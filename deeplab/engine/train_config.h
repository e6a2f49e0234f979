// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deeplab::engine {

/// How to train, as config key `train`. Defaults follow DeepLabV3's protocol
/// (Chen et al. 2017, arXiv:1706.05587, section 4.1) where that names a value.
struct TrainConfig {
  int64_t iterations = 30000;
  int64_t batch_size = 16;
  int64_t output_stride = 16;
  double learning_rate = 0.007;
  /// Factor on the learning rate of all that is not the backbone.
  double head_multiplier = 1;
  double momentum = 0.9;
  /// On convolutions' weights; never on batch norms and biases.
  double weight_decay = 1e-4;
  /// The learning rate falls as (1 - iteration / iterations) ^ power.
  double poly_power = 0.9;
  /// "train", or "frozen": running statistics, scale and shift stay as loaded.
  std::string batch_norm = "train";
  /// Share of the old value that running statistics lose at each batch.
  double batch_norm_momentum = 0.1;
  /// One weight a class in the loss; empty: all 1.
  std::vector<double> class_weights;
  /// Leaves out the last, smaller batch of an epoch.
  bool drop_last = true;
  /// Seeds weights, order, augmentation and dropout.
  int64_t seed = 0;
  /// Iterations between validations, each with a checkpoint; 0: at the end.
  int64_t validate_every = 1000;
  /// Iterations between further checkpoints; 0: none.
  int64_t checkpoint_every = 0;
  /// A file of weights to start from; empty: random weights.
  std::string init_from;
  /// Which of its dicts to take, e.g. "model_ema"; empty: the usual one.
  std::string init_key;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("iterations", iterations);
    visit("batch_size", batch_size);
    visit("output_stride", output_stride);
    visit("learning_rate", learning_rate);
    visit("head_multiplier", head_multiplier);
    visit("momentum", momentum);
    visit("weight_decay", weight_decay);
    visit("poly_power", poly_power);
    visit("batch_norm", batch_norm);
    visit("batch_norm_momentum", batch_norm_momentum);
    visit("class_weights", class_weights);
    visit("drop_last", drop_last);
    visit("seed", seed);
    visit("validate_every", validate_every);
    visit("checkpoint_every", checkpoint_every);
    visit("init_from", init_from);
    visit("init_key", init_key);
  }

  /// Throws: ConfigError naming the first key that breaks a rule.
  void validate(int64_t num_classes) const;
};

/// The learning rate of iteration 0..iterations-1.
/// Source: Chen et al. 2016, arXiv:1606.00915, section 4.1 ("poly").
double poly_learning_rate(const TrainConfig& config, int64_t iteration);

}  // namespace deeplab::engine
