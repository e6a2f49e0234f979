// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/train_config.h"

#include <algorithm>
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

void check_known(
    const std::string& key,
    const std::string& value,
    const std::vector<std::string>& known
) {
  std::string all;
  for (const auto& name : known) {
    if (name == value) return;
    all += (all.empty() ? "" : ", ") + name;
  }
  throw ConfigError(str(key, " is \"", value, "\"; known: ", all));
}

template <class Number>
void check_at_least(const char* key, Number value, Number least) {
  check(key, value, value >= least, str(">= ", least).c_str());
}

void check_share(const char* key, double value) {
  check(key, value, value >= 0 && value < 1, "in [0, 1)");
}

void check_schedule(const TrainConfig& config) {
  check_known(
      "train.schedule",
      config.schedule,
      {"poly", "step", "cosine", "one_cycle", "constant"}
  );
  check_at_least("poly_power", config.poly_power, 0.0);
  check_at_least<int64_t>("step_every", config.step_every, 1);
  check_at_least("step_factor", config.step_factor, 0.0);
  check_at_least("learning_rate_end", config.learning_rate_end, 0.0);
  const bool ends = config.schedule == "poly" || config.schedule == "cosine";
  check(
      "learning_rate_end",
      config.learning_rate_end,
      !ends || config.learning_rate_end <= config.learning_rate,
      str("at most train.learning_rate, ", config.learning_rate).c_str()
  );
  check_at_least<int64_t>("update_every", config.update_every, 1);
  check_at_least<int64_t>("warmup_iterations", config.warmup_iterations, 0);
  check_at_least("warmup_factor", config.warmup_factor, 0.0);
  check(
      "slow_start_iterations",
      config.slow_start_iterations,
      config.slow_start_iterations >= 0 &&
          config.slow_start_iterations < config.iterations,
      "0 or more, and below train.iterations"
  );
  check_at_least("slow_start_rate", config.slow_start_rate, 0.0);
  constexpr int64_t kLeast = 4;
  if (config.schedule == "one_cycle" &&
      config.iterations - config.slow_start_iterations < kLeast) {
    throw ConfigError(
        str("train.schedule is \"one_cycle\", which needs at least ",
            kLeast,
            " iterations")
    );
  }
}

void check_optimizer(const TrainConfig& config) {
  check_known("train.optimizer", config.optimizer, {"sgd", "adam", "adamw"});
  check_at_least("learning_rate", config.learning_rate, 0.0);
  check_at_least("head_multiplier", config.head_multiplier, 0.0);
  check_share("momentum", config.momentum);
  check_share("beta1", config.beta1);
  check_share("beta2", config.beta2);
  check("adam_epsilon", config.adam_epsilon, config.adam_epsilon > 0, "> 0");
  check_at_least("weight_decay", config.weight_decay, 0.0);
  if (config.clip_gradient_norm) {
    const double most = *config.clip_gradient_norm;
    check("clip_gradient_norm", most, most > 0, "> 0");
  }
  if (config.nesterov && (config.optimizer != "sgd" || config.momentum == 0)) {
    throw ConfigError(
        "train.nesterov is true; that needs train.optimizer \"sgd\" and "
        "train.momentum above 0"
    );
  }
  for (size_t i = 0; i < config.groups.size(); ++i) {
    const auto& group = config.groups[i];
    const auto key = [&](const char* name) {
      return str("groups[", i, "].", name);
    };
    check_at_least(key("rate").c_str(), group.rate, 0.0);
    check_at_least(key("bias_rate").c_str(), group.bias_rate.value_or(0), 0.0);
    check_at_least(
        key("weight_decay").c_str(), group.weight_decay.value_or(0), 0.0
    );
  }
}

void check_loss(const TrainConfig& config, int64_t num_classes) {
  for (size_t i = 0; i < config.loss.size(); ++i) {
    config.loss[i].validate(str("loss[", i, "]"));
  }
  const auto weights = static_cast<int64_t>(config.class_weights.size());
  if (weights != 0 && weights != num_classes) {
    throw ConfigError(
        str("train.class_weights has ",
            weights,
            " weights; the data set has ",
            num_classes,
            " classes")
    );
  }
  for (size_t i = 0; i < config.class_weights.size(); ++i) {
    check_at_least(
        str("class_weights[", i, "]").c_str(), config.class_weights[i], 0.0
    );
  }
  if (weights != 0) {
    const auto& all = config.class_weights;
    if (std::all_of(all.begin(), all.end(), [](double w) { return w == 0; })) {
      throw ConfigError(
          "train.class_weights are all 0; one at least must be more"
      );
    }
    const bool weighs = config.loss.empty() || std::any_of(
                                                   config.loss.begin(),
                                                   config.loss.end(),
                                                   [](const LossConfig& loss) {
                                                     return loss.is_pixelwise();
                                                   }
                                               );
    if (!weighs) {
      throw ConfigError(
          "train.class_weights are for cross_entropy and focal, and train.loss "
          "has neither; leave them out"
      );
    }
  }
  if (config.teacher) {
    const auto& teacher = *config.teacher;
    if (teacher.file.empty()) {
      throw ConfigError("train.teacher.file is empty; give a TorchScript file");
    }
    check_at_least("teacher.weight", teacher.weight, 0.0);
    check(
        "teacher.temperature",
        teacher.temperature,
        teacher.temperature > 0,
        "> 0"
    );
  }
}

void check_batch(const TrainConfig& config, bool batch_norms) {
  check_known(
      "train.batch_norm", config.batch_norm, {"train", "sync", "frozen"}
  );
  check_at_least<int64_t>("batch_size", config.batch_size, 1);
  check_at_least<int64_t>("accumulate", config.accumulate, 1);
  if (config.batch_size % config.accumulate != 0) {
    throw ConfigError(
        str("train.batch_size is ",
            config.batch_size,
            "; must be a multiple of train.accumulate, ",
            config.accumulate)
    );
  }
  const bool frozen = config.batch_norm == "frozen" || !batch_norms;
  if (!frozen && config.batch_size == config.accumulate) {
    throw ConfigError(
        config.accumulate == 1
            ? "train.batch_size is 1; batch norm cannot learn from one image, "
              "so must be >= 2, or train.batch_norm \"frozen\", or model.norm "
              "\"group\""
            : "train.accumulate leaves one image to a piece, from which batch "
              "norm cannot learn; must be at most train.batch_size / 2, or "
              "train.batch_norm \"frozen\", or model.norm \"group\""
    );
  }
  if (!frozen && !config.drop_last) {
    throw ConfigError(
        "train.drop_last is false while batch norm is trained; a last batch "
        "may hold one image, so set train.batch_norm to \"frozen\""
    );
  }
  if (!config.drop_last && config.accumulate > 1) {
    throw ConfigError(
        "train.drop_last is false; a last batch may not divide by "
        "train.accumulate, so must be true"
    );
  }
}

}  // namespace

void LossConfig::validate(const std::string& path) const {
  check_known(
      "train." + path + ".kind",
      kind,
      {"cross_entropy", "focal", "dice", "jaccard", "tversky", "lovasz"}
  );
  const auto key = [&](const char* name) { return path + "." + name; };
  check_at_least(key("weight").c_str(), weight, 0.0);
  check_share(key("label_smoothing").c_str(), label_smoothing);
  check(
      key("hard_share").c_str(),
      hard_share,
      hard_share > 0 && hard_share <= 1,
      "in (0, 1]"
  );
  check_at_least<int64_t>(key("hard_ramp").c_str(), hard_ramp, 0);
  const double below = ohem_below.value_or(1);
  check(key("ohem_below").c_str(), below, below > 0 && below <= 1, "in (0, 1]");
  check_at_least<int64_t>(key("ohem_least").c_str(), ohem_least, 1);
  check_at_least(key("boundary_weight").c_str(), boundary_weight, 0.0);
  check_at_least<int64_t>(key("boundary_width").c_str(), boundary_width, 1);
  check_at_least(key("gamma").c_str(), gamma, 0.0);
  check_at_least(key("false_weight").c_str(), false_weight, 0.0);
  check_at_least(key("missed_weight").c_str(), missed_weight, 0.0);
  const bool smooths = label_smoothing != 0;
  if (smooths && (kind != "cross_entropy" || mines() || boundary_weight != 0)) {
    throw ConfigError(
        str("train.",
            path,
            ".label_smoothing is for plain cross_entropy, without mining or "
            "boundary_weight")
    );
  }
  if (!is_pixelwise() && (mines() || boundary_weight != 0)) {
    throw ConfigError(
        str("train.",
            path,
            ".kind is \"",
            kind,
            "\"; hard_share, ohem_below and boundary_weight are for "
            "cross_entropy and focal")
    );
  }
}

void TrainConfig::validate(int64_t num_classes, bool batch_norms) const {
  check_at_least<int64_t>("iterations", iterations, 1);
  to_output_stride(output_stride, "train.output_stride");
  check_optimizer(*this);
  check_schedule(*this);
  check(
      "batch_norm_momentum",
      batch_norm_momentum,
      batch_norm_momentum > 0 && batch_norm_momentum <= 1,
      "in (0, 1]"
  );
  check_at_least<int64_t>("validate_every", validate_every, 0);
  check_at_least<int64_t>("checkpoint_every", checkpoint_every, 0);
  check_at_least<int64_t>("seed", seed, 0);
  if (ema_decay) check_share("ema_decay", *ema_decay);
  check_known("train.precision", precision, {"float32", "bfloat16", "float16"});
  check_batch(*this, batch_norms);
  check_loss(*this, num_classes);
}

void TrainConfig::validate_processes(int64_t processes, bool batch_norms)
    const {
  const int64_t pieces = processes * accumulate;
  if (batch_size % pieces != 0) {
    throw ConfigError(
        str("train.batch_size is ",
            batch_size,
            "; must be a multiple of processes times train.accumulate, ",
            processes,
            " x ",
            accumulate)
    );
  }
  if (batch_norms && batch_norm == "train" && batch_size == pieces) {
    throw ConfigError(
        str("train.batch_size is ",
            batch_size,
            ", one image for each of ",
            pieces,
            " pieces, from which batch norm cannot learn; raise it, or set "
            "train.batch_norm to \"sync\" or \"frozen\"")
    );
  }
  if (processes > 1 && !drop_last) {
    throw ConfigError(
        "train.drop_last is false; a last batch may not divide by the "
        "processes, so must be true"
    );
  }
}

std::string batch_norm_warning(const TrainConfig& config, int64_t processes) {
  constexpr int64_t kEnough = 12;
  if (config.batch_norm == "frozen") {
    if (!config.init_from.empty()) return "";
    return "warning: train.batch_norm is frozen, and there are no weights: "
           "norms "
           "do nothing, and maps may grow without bound. Give weights "
           "(--init-from), or set train.batch_norm to train";
  }
  const int64_t sharing = config.batch_norm == "sync" ? 1 : processes;
  const int64_t seen = config.batch_size / (config.accumulate * sharing);
  if (seen >= kEnough) return "";
  return str(
      "warning: batch norm sees ",
      seen,
      " images at a time; in DeepLabV3's table 9, mIoU was 77.2 with 16, 76.5 "
      "with 12, 75.8 with 8, 64.4 with 4. Raise train.batch_size, ",
      config.accumulate > 1 ? "lower train.accumulate, " : "",
      sharing > 1 ? "set train.batch_norm to sync, " : "",
      "or start from weights with train.batch_norm frozen, or set model.norm "
      "to group"
  );
}

}  // namespace deeplab::engine
