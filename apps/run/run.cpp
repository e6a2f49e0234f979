// SPDX-License-Identifier: Apache-2.0
#include "apps/run/run.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <vector>

#include <fmt/core.h>
#include <torch/types.h>

#include "apps/machine/launcher.h"
#include "apps/machine/platform.h"
#include "apps/machine/stop_signals.h"
#include "apps/run/network_source.h"
#include "apps/run/run_log.h"
#include "apps/run/train_warnings.h"
#include "apps/run/validation.h"
#include "data/check.h"
#include "data/kinds.h"
#include "data/loader.h"
#include "data/repeated.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/random.h"
#include "deeplab/engine/trainer.h"
#include "deeplab/weights/name_map.h"
#include "deeplab/weights/read_weights.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

/// Prefixes of the keys that do not change the trained weights: how the
/// training runs, how it is scored, and where its files are. A resumed run may
/// change these.
const std::vector<std::string> kFreeKeys{
    "data.prefetch",       "data.root",      "data.workers",
    "evaluate.",           "log.",           "train.checkpoint_every",
    "train.init_from",     "train.init_key", "train.teacher.file",
    "train.validate_every"};

bool is_free(const std::string& key) {
  return std::any_of(
      kFreeKeys.begin(), kFreeKeys.end(),
      [&](const std::string& free) {
        return key.compare(0, free.size(), free) == 0;
      }
  );
}

/// One training, with its data sets and its log.
class Run {
 public:
  Run(const RunConfig& config, const TrainingOptions& options)
      : config_(config), options_(options), files_(options.folder) {
    train_ = make_dataset(config_.data, data::Role::kTrain);
    if (!config_.data.repeat_list.empty()) {
      train_ = data::repeat_images(
          train_, config_.data.repeat_list, config_.data.repeat_times
      );
    }
    validation_ = make_dataset(config_.data, data::Role::kValidation);
    check_void();
    record_classes(config_, train_->classes());
    classes_ = train_->classes();
    validate(config_, classes_.size(), share_of(options_.processes).processes);
    config_text_ = write_config(config_).dump(2);
  }

  bool train();
  double seconds_per_step();
  ///         Builds everything that the training needs, but runs no step.
  ///         Throws: the error that the training would throw before its first
  ///         step.
  void check() const {
    batches();
    const model::DeepLab network(
        config_.model, classes_.size(), model::StartWeights::kUnset
    );
    const engine::Trainer checked(network, config_.train, {nullptr, teacher()});
    const auto& file = config_.train.init_from;
    if (!file.empty()) weights::read_weights(file, config_.train.init_key);
  }

 private:
  void check_void() const;
  model::DeepLab make_network(bool from_file) const;
  BatchSource batches() const;
  Segmenter teacher() const {
    if (!config_.train.teacher) return {};
    return open_teacher(config_, classes_, options_.device);
  }
  std::optional<engine::Checkpoint> checkpoint_to_resume() const;
  void check_common_start(int64_t iteration) const;
  void open_log(const LogStart& start);
  engine::TrainHooks hooks(
      model::DeepLab network, std::function<bool()> should_stop
  );
  void save(engine::Checkpoint checkpoint, bool is_best) const;
  void say(const std::string& line) const {
    if (log_) log_->say(line);
  }
  bool is_first() const { return apps::is_first(options_.processes); }

  RunConfig config_;
  TrainingOptions options_;
  RunFiles files_;
  std::shared_ptr<const data::Dataset> train_;
  std::shared_ptr<const data::Dataset> validation_;
  Classes classes_;
  std::string config_text_;
  /// Set in the first process only; null in the others.
  std::unique_ptr<RunLog> log_;
};

/// Rejects the user's own data if a value that was meant as a class may be
/// void.
void Run::check_void() const {
  const auto& data = config_.data;
  if (data.void_values || data::has_fixed_classes(data.kind)) return;
  const auto missing = data::class_missing_beside_void(*train_);
  if (missing.empty()) return;
  throw DataError(fmt::format(
      "{}: the class \"{}\" occurs in no mask of {}, but void (255) does; if 255 is a class, give it \"index\": 255 in classes.json, or set data.values; if not, confirm it by --set data.void=255",
      data.root, missing, data.train_split
  ));
}

model::DeepLab Run::make_network(bool from_file) const {
  torch::manual_seed(mix_seed({static_cast<uint64_t>(config_.train.seed)}));
  model::DeepLab network(config_.model, classes_.size());
  const auto& file = config_.train.init_from;
  if (from_file && !file.empty()) {
    const auto report =
        weights::load_file(*network, {file, config_.train.init_key});
    if (report.loaded.empty()) {
      throw DataError(fmt::format(
          "{}: holds no tensor that fits the network: {}", file,
          report.summary()
      ));
    }
    if (is_first()) {
      std::cerr << file << ": " << report.summary() << '\n';
      for (const auto& warning : weight_warnings(config_.train, report)) {
        std::cerr << warning << '\n';
      }
    }
  }
  network->to(options_.device);
  return network;
}

BatchSource Run::batches() const {
  data::LoaderOptions options;
  options.batch_size = config_.train.batch_size;
  options.share = share_of(options_.processes);
  options.drop_last = config_.train.drop_last;
  options.seed = static_cast<uint64_t>(config_.train.seed);
  options.workers = config_.data.workers;
  options.prefetch = config_.data.prefetch;
  options.augment = config_.augment;
  options.normalization = config_.normalization();
  return data::make_loader(train_, options);
}

std::optional<engine::Checkpoint> Run::checkpoint_to_resume() const {
  const bool holds_run = fs::exists(files_.last);
  if (!holds_run) return std::nullopt;
  if (!options_.resume) {
    throw ConfigError(fmt::format(
        "{}: holds a run already; add --resume to continue it, or give another --out",
        options_.folder
    ));
  }
  auto checkpoint = engine::load_checkpoint(files_.last);
  // Keys that the version which wrote the checkpoint did not know have their
  // defaults.
  const auto stored =
      write_config(read_run_config(parse_json(checkpoint.config, files_.last)));
  const auto own = write_config(config_);
  const auto has_list = [](const Json& config) {
    return config.at("data").at("repeat_list") != "";
  };
  for (const auto& key : differing_keys(stored, own)) {
    if (is_free(key)) continue;
    // The file of the list may have moved, but a list must not be added or
    // removed.
    if (key == "data.repeat_list" && has_list(stored) == has_list(own)) {
      continue;
    }
    throw ConfigError(fmt::format(
        "{}: was trained with a different {}; a run resumes only with its own config ({}); to start a new run from its weights, give --init-from",
        files_.last, key, files_.config
    ));
  }
  return checkpoint;
}

void Run::save(engine::Checkpoint checkpoint, bool is_best) const {
  checkpoint.config = config_text_;
  if (is_best) engine::save_checkpoint(files_.best, checkpoint);
  engine::save_checkpoint(files_.last, checkpoint);
}

void Run::check_common_start(int64_t iteration) const {
  if (!options_.processes) return;
  const auto first = std::to_string(iteration);
  for (const auto& other : options_.processes->gather(first)) {
    if (other == first) continue;
    throw DataError(fmt::format(
        "{}: the processes resume at iterations {} and {}; --out must be one folder that all processes share",
        files_.last, first, other
    ));
  }
}

void Run::open_log(const LogStart& start) {
  if (!is_first()) return;
  const int64_t processes = share_of(options_.processes).processes;
  write_file(files_.config, config_text_ + "\n");
  log_ = std::make_unique<RunLog>(
      files_, config_, start,
      start_record(start.iteration, processes, options_.device)
  );
  if (start.iteration > 0) {
    say(fmt::format("resumed at iteration {}", start.iteration));
  }
  for (const auto& warning :
       train_warnings(config_, *train_, *validation_, processes)) {
    say(warning);
  }
}

engine::TrainHooks Run::hooks(
    model::DeepLab network, std::function<bool()> should_stop
) {
  engine::TrainHooks hooks;
  hooks.validate = [this, network, should_stop](int64_t iteration) {
    return Validation(config_, validation_, options_)
        .run(network, iteration, log_.get(), should_stop);
  };
  hooks.should_stop = std::move(should_stop);
  if (is_first()) {
    hooks.on_step = [this](const engine::StepReport& report) {
      log_->step(report);
    };
    hooks.save = [this](const engine::Checkpoint& checkpoint, bool is_best) {
      log_->flush();
      save(checkpoint, is_best);
    };
  }
  return hooks;
}

bool Run::train() {
  std::optional<FolderLock> lock;
  if (is_first()) lock.emplace(options_.folder);
  const auto resumed = checkpoint_to_resume();
  LogStart start;
  if (resumed) start = {resumed->iteration, resumed->awaits_validation};
  check_common_start(start.iteration);
  if (config_.train.deterministic) use_deterministic_algorithms();
  const auto source = batches();
  const auto network = make_network(/*from_file=*/!resumed);
  engine::Trainer trainer(
      network, config_.train, {options_.processes, teacher()}
  );
  if (resumed) trainer.restore(*resumed);
  open_log(start);
  const StopSignals signals;
  const bool finished =
      trainer.run(source, hooks(network, [&] { return signals.arrived(); }));
  log_.reset();
  return finished;
}

double Run::seconds_per_step() {
  constexpr int64_t kWarm = 2;
  constexpr int64_t kTimed = 4;
  engine::Trainer trainer(
      make_network(/*from_file=*/false), config_.train, {nullptr, teacher()}
  );
  auto start = std::chrono::steady_clock::now();
  int64_t steps = 0;
  engine::TrainHooks hooks;
  hooks.on_step = [&](const engine::StepReport&) {
    if (++steps == kWarm) start = std::chrono::steady_clock::now();
  };
  hooks.should_stop = [&] { return steps == kWarm + kTimed; };
  trainer.run(batches(), hooks);
  const std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  return elapsed.count() / static_cast<double>(kTimed);
}

}  // namespace

double measure_step(RunConfig config, torch::Device device) {
  // The training must be longer than the steps that are measured, and must not
  // validate.
  constexpr int64_t kMany = 1000;
  config.train.iterations = std::max(config.train.iterations, kMany);
  config.train.validate_every = 0;
  config.train.checkpoint_every = 0;
  TrainingOptions options;
  options.device = device;
  return Run(config, options).seconds_per_step();
}

void check_training(RunConfig config) {
  config.data.workers = 0;
  Run(config, {}).check();
}

bool run_training(const RunConfig& config, const TrainingOptions& options) {
  return Run(config, options).train();
}

}  // namespace deeplab::apps
