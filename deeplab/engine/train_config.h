// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deeplab/core/config_rule.h"
#include "deeplab/engine/loss_config.h"

namespace deeplab::engine {

/// The names of all optimizers (optimizer.cpp) and schedules (schedule.cpp).
Rule known_optimizers();
Rule known_schedules();

/// Learning-rate overrides for parameters whose names begin alike, an item of
/// config key `train.groups`.
struct ParameterGroup {
  std::string prefix;
  double rate = 1;
  std::optional<double> bias_rate;
  std::optional<double> weight_decay;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit(
        "prefix", prefix,
        "Beginning of the parameters' names, e.g. classifier. or backbone.layer4."
    );
    visit("rate", rate, at_least(0), "Factor on the learning rate.");
    visit(
        "bias_rate", bias_rate, at_least(0),
        "Factor on the learning rate of biases; null: the same as rate."
    );
    visit(
        "weight_decay", weight_decay, at_least(0),
        "Weight decay of these parameters; null: train.weight_decay."
    );
  }
};

/// A teacher network whose scores the trained network learns as well, as config
/// key `train.teacher`. Source: Hinton et al. 2015, arXiv:1503.02531.
struct TeacherConfig {
  std::string file;
  double weight = 1;
  double temperature = 1;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit(
        "file", file,
        "TorchScript file of the teacher, with the same classes and normalisation."
    );
    visit(
        "weight", weight, at_least(0), "Factor on the distillation loss.",
        "Hinton et al. 2015, arXiv:1503.02531, section 2"
    );
    visit(
        "temperature", temperature, above(0),
        "Scores of both networks are divided by this before the softmax.",
        "Hinton et al. 2015, arXiv:1503.02531, section 2"
    );
  }
};

/// Settings of the training, config key `train`. Defaults follow DeepLabV3's
/// protocol (Chen et al. 2017, arXiv:1706.05587, section 4.1) where it names a
/// value. fields() says what each key is for.
struct TrainConfig {
  int64_t iterations = 30000;
  int64_t batch_size = 16;
  int64_t accumulate = 1;
  int64_t output_stride = 16;
  bool labels_at_stride = false;
  std::vector<LossConfig> loss;
  std::vector<double> class_weights;
  std::optional<TeacherConfig> teacher;
  std::string optimizer = "sgd";
  double learning_rate = 0.007;
  double head_multiplier = 1;
  std::vector<ParameterGroup> groups;
  double momentum = 0.9;
  bool nesterov = false;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double weight_decay = 1e-4;
  bool depthwise_decay = true;
  std::optional<double> clip_gradient_norm;
  std::string schedule = "poly";
  double poly_power = 0.9;
  int64_t step_every = 2000;
  double step_factor = 0.1;
  double learning_rate_end = 0;
  int64_t update_every = 1;
  int64_t warmup_iterations = 0;
  double warmup_factor = 0.001;
  int64_t slow_start_iterations = 0;
  double slow_start_rate = 1e-4;
  std::string batch_norm = "train";
  double batch_norm_momentum = 0.1;
  std::optional<double> ema_decay;
  std::string precision = "float32";
  bool recompute = false;
  bool deterministic = false;
  bool drop_last = true;
  int64_t seed = 0;
  int64_t validate_every = 1000;
  int64_t checkpoint_every = 0;
  std::string init_from;
  std::string init_key;

  template <class Visitor>
  void fields(Visitor& visit) {
    batch_fields(visit);
    loss_fields(visit);
    optimizer_fields(visit);
    schedule_fields(visit);
    batch_norm_fields(visit);
    run_fields(visit);
  }

  /// `batch_norms` says whether the network has batch norms, which need several
  /// images at a time.
  /// Throws: ConfigError naming the first key that breaks a rule.
  void validate(int64_t num_classes, bool batch_norms) const;
  /// Throws: ConfigError if the batch cannot be divided among so many
  ///         processes.
  void validate_processes(int64_t processes, bool batch_norms) const;

 private:
  template <class Visitor>
  void batch_fields(Visitor& visit) {
    visit(
        "iterations", iterations, between(1, 1e9), "Number of training steps.",
        "Chen et al. 2017, arXiv:1706.05587, section 4.1"
    );
    visit(
        "batch_size", batch_size, between(1, 65536),
        "Number of images in one step, over all processes and pieces.",
        "Chen et al. 2017, arXiv:1706.05587, section 4.1"
    );
    visit(
        "accumulate", accumulate, between(1, 65536),
        "Number of pieces into which each process's part of a batch is cut; their gradients are summed, and batch norm sees one piece at a time."
    );
    visit(
        "output_stride", output_stride, output_strides(),
        "Output stride of the network in training: image pixels per feature.",
        "Chen et al. 2017, arXiv:1706.05587, section 3.1"
    );
  }

  template <class Visitor>
  void loss_fields(Visitor& visit) {
    visit(
        "labels_at_stride", labels_at_stride,
        "Whether the loss counts only the pixels at which the features of the class scores look, which is the loss on labels that are downsampled by the stride; false: all pixels, on upsampled scores.",
        "Chen et al. 2017, arXiv:1706.05587, section 4.1 and table 8"
    );
    visit(
        "loss", loss,
        "Terms of the loss; their weighted sum is minimised for the result and for each side output. Empty: cross-entropy."
    );
    visit(
        "class_weights", class_weights, at_least(0),
        "Weight of each class in pixel-wise losses. Empty: all 1."
    );
    visit(
        "teacher", teacher,
        "Teacher network for knowledge distillation; null: none.",
        "Hinton et al. 2015, arXiv:1503.02531"
    );
  }

  template <class Visitor>
  void optimizer_fields(Visitor& visit) {
    visit("optimizer", optimizer, known_optimizers(), "Optimizer.");
    visit(
        "learning_rate", learning_rate, at_least(0),
        "Base learning rate, which the schedule scales.",
        "Chen et al. 2017, arXiv:1706.05587, section 4.1"
    );
    visit(
        "head_multiplier", head_multiplier, at_least(0),
        "Factor on the learning rate of every parameter that is not the backbone's.",
        "Chen et al. 2014, arXiv:1412.7062, section 4.1: 10 for the classifier"
    );
    visit(
        "groups", groups,
        "Learning-rate overrides by parameter-name prefix; the first match wins."
    );
    visit("momentum", momentum, fraction(), "Momentum of sgd.");
    visit("nesterov", nesterov, "Whether sgd uses Nesterov momentum.");
    visit(
        "beta1", beta1, fraction(),
        "adam, adamw: decay of the mean of gradients.",
        "Kingma and Ba 2014, arXiv:1412.6980"
    );
    visit(
        "beta2", beta2, fraction(),
        "adam, adamw: decay of the mean of squared gradients.",
        "Kingma and Ba 2014, arXiv:1412.6980"
    );
    visit(
        "adam_epsilon", adam_epsilon, above(0),
        "adam, adamw: added to the denominator.",
        "Kingma and Ba 2014, arXiv:1412.6980"
    );
    visit(
        "weight_decay", weight_decay, at_least(0),
        "Weight decay of convolution weights; norms and biases have none.",
        "TensorFlow's DeepLab"
    );
    visit(
        "depthwise_decay", depthwise_decay,
        "Whether depthwise convolutions have weight decay too; in TensorFlow's networks they do not (regularize_depthwise=False)."
    );
    visit(
        "clip_gradient_norm", clip_gradient_norm, above(0),
        "Largest allowed norm of all gradients together; larger gradients are scaled down. Null: no limit."
    );
  }

  template <class Visitor>
  void schedule_fields(Visitor& visit) {
    visit(
        "schedule", schedule, known_schedules(),
        "How the learning rate changes over the iterations.",
        "Chen et al. 2016, arXiv:1606.00915, section 4.1 (poly)"
    );
    visit(
        "poly_power", poly_power, at_least(0),
        "poly: the rate is multiplied by (1 - iteration / iterations) to this power.",
        "Chen et al. 2016, arXiv:1606.00915, section 4.1"
    );
    visit(
        "step_every", step_every, at_least(1),
        "step: number of iterations after which the rate is multiplied by step_factor.",
        "Chen et al. 2014, arXiv:1412.7062, section 4.1"
    );
    visit(
        "step_factor", step_factor, at_least(0),
        "step: factor on the rate at every step_every iterations.",
        "Chen et al. 2014, arXiv:1412.7062, section 4.1"
    );
    visit(
        "learning_rate_end", learning_rate_end, at_least(0),
        "poly, cosine: learning rate at the end; at most learning_rate."
    );
    visit(
        "update_every", update_every, at_least(1),
        "Number of iterations after which the learning rate is updated."
    );
    visit(
        "warmup_iterations", warmup_iterations, at_least(0),
        "Number of warm-up iterations, in which the factor on the rate grows from warmup_factor to 1."
    );
    visit(
        "warmup_factor", warmup_factor, at_least(0),
        "Factor on the learning rate at the first iteration of the warm-up."
    );
    visit(
        "slow_start_iterations", slow_start_iterations, at_least(0),
        "Number of first iterations that run at slow_start_rate; the schedule begins after them. Must be below train.iterations.",
        "TensorFlow's DeepLab, slow_start_step"
    );
    visit(
        "slow_start_rate", slow_start_rate, at_least(0),
        "Learning rate of the slow start.",
        "TensorFlow's DeepLab, slow_start_learning_rate"
    );
  }

  template <class Visitor>
  void batch_norm_fields(Visitor& visit) {
    visit(
        "batch_norm", batch_norm, one_of({"train", "sync", "frozen"}),
        "train: statistics of each process's piece; sync: statistics over all processes; frozen: running statistics, scale and shift stay as loaded."
    );
    visit(
        "batch_norm_momentum", batch_norm_momentum, positive_fraction(),
        "Weight of the new batch in the running statistics (PyTorch's momentum)."
    );
    visit(
        "ema_decay", ema_decay, fraction(),
        "Decay of the moving average of weights, which validation and the best checkpoint use; null: no average."
    );
  }

  template <class Visitor>
  void run_fields(Visitor& visit) {
    visit(
        "precision", precision, one_of({"float32", "bfloat16", "float16"}),
        "Type of convolutions and matrix products; float16 scales the loss and needs CUDA."
    );
    visit(
        "recompute", recompute,
        "Whether backward runs the backbone's units again instead of keeping their feature maps: less memory, more time.",
        "Chen et al. 2016, arXiv:1604.06174"
    );
    visit(
        "deterministic", deterministic,
        "Whether CUDA may use only algorithms that give the same bits each time."
    );
    visit(
        "drop_last", drop_last,
        "Whether the last, smaller batch of an epoch is left out."
    );
    visit(
        "seed", seed, at_least(0),
        "Seed of initial weights, order of images, augmentation and dropout."
    );
    visit(
        "validate_every", validate_every, at_least(0),
        "Iterations between validations, each with a checkpoint; 0: only at the end."
    );
    visit(
        "checkpoint_every", checkpoint_every, at_least(0),
        "Iterations between further checkpoints; 0: none."
    );
    visit(
        "init_from", init_from,
        "File of weights to start from. Empty: random weights."
    );
    visit(
        "init_key", init_key,
        "Dict within that file to read, e.g. model_ema. Empty: the usual one."
    );
  }
};

/// Returns a warning, with remedies, if batch norms see fewer images at a time
/// than they need, or if they are frozen although the network starts from
/// random weights. Otherwise returns an empty string.
/// Source: Chen et al. 2017, arXiv:1706.05587, table 9.
std::string batch_norm_warning(const TrainConfig& config, int64_t processes);

}  // namespace deeplab::engine
