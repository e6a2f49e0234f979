// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deeplab/engine/loss_config.h"

namespace deeplab::engine {

/// Parameters whose names begin alike, and how they are trained.
struct ParameterGroup {
  /// E.g. "classifier." or "backbone.layer4".
  std::string prefix;
  /// Factor on the learning rate.
  double rate = 1;
  /// The same for biases; unset: `rate`.
  std::optional<double> bias_rate;
  /// Unset: train.weight_decay.
  std::optional<double> weight_decay;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("prefix", prefix);
    visit("rate", rate);
    visit("bias_rate", bias_rate);
    visit("weight_decay", weight_decay);
  }
};

/// A network whose scores are learned too, as config key `train.teacher`.
/// Source: Hinton et al. 2015, arXiv:1503.02531.
struct TeacherConfig {
  /// A TorchScript file, of the same classes and normalisation.
  std::string file;
  /// Factor on its loss.
  double weight = 1;
  /// Both networks' scores are divided by this before their softmax.
  double temperature = 1;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("file", file);
    visit("weight", weight);
    visit("temperature", temperature);
  }
};

/// How to train, as config key `train`. Defaults follow DeepLabV3's protocol
/// (Chen et al. 2017, arXiv:1706.05587, section 4.1) where that names a value.
struct TrainConfig {
  int64_t iterations = 30000;
  /// Images of a step, over all processes and pieces.
  int64_t batch_size = 16;
  /// Pieces that a step's batch is cut into, one after the other, their
  /// gradients added up: for batches that memory does not hold. Batch norm
  /// sees one piece at a time.
  int64_t accumulate = 1;
  int64_t output_stride = 16;
  /// What is minimised: the sum of these, for the result as for each side
  /// output; empty: cross-entropy.
  std::vector<LossConfig> loss;
  /// One weight a class in pixel-wise losses; empty: all 1.
  std::vector<double> class_weights;
  std::optional<TeacherConfig> teacher;
  /// "sgd", "adam" or "adamw".
  std::string optimizer = "sgd";
  double learning_rate = 0.007;
  /// Factor on the learning rate of all that is not the backbone.
  double head_multiplier = 1;
  /// Exceptions to it, the first that fits.
  std::vector<ParameterGroup> groups;
  double momentum = 0.9;
  bool nesterov = false;
  /// Adam's.
  double beta1 = 0.9;
  double beta2 = 0.999;
  double adam_epsilon = 1e-8;
  /// On convolutions' weights; never on norms and biases.
  double weight_decay = 1e-4;
  /// Whether it is on depthwise convolutions too; not in TensorFlow's networks
  /// (regularize_depthwise=False).
  bool depthwise_decay = true;
  /// Gradients longer than this, all together, are shortened to it.
  std::optional<double> clip_gradient_norm;
  /// "poly", "step", "cosine", "one_cycle" or "constant": see schedule.h.
  std::string schedule = "poly";
  double poly_power = 0.9;
  int64_t step_every = 2000;
  double step_factor = 0.1;
  /// What poly and cosine end at.
  double learning_rate_end = 0;
  int64_t update_every = 1;
  int64_t warmup_iterations = 0;
  double warmup_factor = 0.001;
  int64_t slow_start_iterations = 0;
  double slow_start_rate = 1e-4;
  /// "train"; "sync": statistics over all processes; or "frozen": running
  /// statistics, scale and shift stay as loaded.
  std::string batch_norm = "train";
  /// Share of the old value that running statistics lose at each batch.
  double batch_norm_momentum = 0.1;
  /// Weights are averaged over steps, each keeping this share of the old
  /// average, (1 + i) / (10 + i) while that is less; validation and the best
  /// checkpoint are of the average.
  std::optional<double> ema_decay;
  /// "float32"; "bfloat16": convolutions and products in it; "float16": the
  /// same with a scaled loss, on CUDA alone.
  std::string precision = "float32";
  /// The backbone's units run again in backward instead of keeping their maps.
  bool recompute = false;
  /// On CUDA, only algorithms that give the same bits each time.
  bool deterministic = false;
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
    visit("accumulate", accumulate);
    visit("output_stride", output_stride);
    visit("loss", loss);
    visit("class_weights", class_weights);
    visit("teacher", teacher);
    visit("optimizer", optimizer);
    visit("learning_rate", learning_rate);
    visit("head_multiplier", head_multiplier);
    visit("groups", groups);
    visit("momentum", momentum);
    visit("nesterov", nesterov);
    visit("beta1", beta1);
    visit("beta2", beta2);
    visit("adam_epsilon", adam_epsilon);
    visit("weight_decay", weight_decay);
    visit("depthwise_decay", depthwise_decay);
    visit("clip_gradient_norm", clip_gradient_norm);
    visit("schedule", schedule);
    visit("poly_power", poly_power);
    visit("step_every", step_every);
    visit("step_factor", step_factor);
    visit("learning_rate_end", learning_rate_end);
    visit("update_every", update_every);
    visit("warmup_iterations", warmup_iterations);
    visit("warmup_factor", warmup_factor);
    visit("slow_start_iterations", slow_start_iterations);
    visit("slow_start_rate", slow_start_rate);
    visit("batch_norm", batch_norm);
    visit("batch_norm_momentum", batch_norm_momentum);
    visit("ema_decay", ema_decay);
    visit("precision", precision);
    visit("recompute", recompute);
    visit("deterministic", deterministic);
    visit("drop_last", drop_last);
    visit("seed", seed);
    visit("validate_every", validate_every);
    visit("checkpoint_every", checkpoint_every);
    visit("init_from", init_from);
    visit("init_key", init_key);
  }

  /// `batch_norms`: whether the network has any, which need several images.
  /// Throws: ConfigError naming the first key that breaks a rule.
  void validate(int64_t num_classes, bool batch_norms) const;
  /// Throws: ConfigError for a batch that so many processes cannot share.
  void validate_processes(int64_t processes, bool batch_norms) const;
};

/// A line for a person whose batch norms see fewer images at a time than they
/// need, or are frozen without weights to keep, with what helps; empty else.
/// Source: Chen et al. 2017, arXiv:1706.05587, table 9.
std::string batch_norm_warning(const TrainConfig& config, int64_t processes);

}  // namespace deeplab::engine
