// SPDX-License-Identifier: Apache-2.0
#include "apps/run.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>

#include <torch/torch.h>

#include "apps/evaluation_text.h"
#include "apps/progress.h"
#include "data/loader.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/random.h"
#include "deeplab/engine/evaluator.h"
#include "deeplab/engine/trainer.h"
#include "deeplab/weights/name_map.h"
#include "deeplab/weights/read_weights.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

volatile std::sig_atomic_t stop_signal = 0;

void remember_signal(int signal) {
  stop_signal = signal;
  // A second one ends the program at once.
  std::signal(signal, SIG_DFL);
}

/// Turns SIGINT and SIGTERM into a wish to stop, while it lives.
class StopSignals {
 public:
  StopSignals() {
    stop_signal = 0;
    old_interrupt_ = std::signal(SIGINT, remember_signal);
    old_terminate_ = std::signal(SIGTERM, remember_signal);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals() {
    std::signal(SIGINT, old_interrupt_);
    std::signal(SIGTERM, old_terminate_);
  }
  bool arrived() const { return stop_signal != 0; }

 private:
  using Handler = void (*)(int);
  Handler old_interrupt_;
  Handler old_terminate_;
};

/// metrics.jsonl: a line for each iteration and each validation.
class MetricsLog {
 public:
  /// Keeps the lines up to `iteration`: what a killed run wrote after its last
  /// checkpoint happens again.
  MetricsLog(const std::string& path, int64_t iteration) : path_(path) {
    std::string kept;
    if (fs::exists(path)) {
      std::istringstream lines(read_file(path));
      for (std::string line; std::getline(lines, line);) {
        const auto json = Json::parse(line, nullptr, false);
        if (json.is_discarded() || json.value("iteration", 0L) > iteration) {
          break;
        }
        kept += line + "\n";
      }
    }
    write_file(path, kept);
    stream_.open(path, std::ios::app);
  }
  void write(const Json& line) {
    stream_ << line.dump() << '\n' << std::flush;
    if (!stream_) {
      throw DataError(str(path_, ": cannot write (disk full?)"));
    }
  }

 private:
  std::string path_;
  std::ofstream stream_;
};

std::string percent(double share) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << 100 * share << " %";
  return text.str();
}

/// One training and all that it needs to live.
class Run {
 public:
  Run(const RunConfig& config, const TrainingOptions& options)
      : config_(config), options_(options), files_(options.folder) {
    train_ = make_dataset(config_.data, data::Role::kTrain);
    validation_ = make_dataset(config_.data, data::Role::kValidation);
    record_classes(config_, train_->classes());
    classes_ = train_->classes();
    validate(config_, classes_.size());
    config_text_ = write_config(config_).dump(2);
  }

  bool train();
  double seconds_per_step();
  /// Throws: what would go wrong before the first step.
  void check() const {
    batches();
    const auto& file = config_.train.init_from;
    if (!file.empty()) weights::read_weights(file, config_.train.init_key);
  }

 private:
  model::DeepLab make_network(bool from_file) const;
  BatchSource batches() const;
  std::optional<engine::Checkpoint> checkpoint_to_resume() const;
  double validate_network(model::DeepLab network, int64_t iteration);
  void save(engine::Checkpoint checkpoint, bool is_best) const;

  RunConfig config_;
  TrainingOptions options_;
  RunFiles files_;
  std::shared_ptr<const data::Dataset> train_;
  std::shared_ptr<const data::Dataset> validation_;
  data::Classes classes_;
  std::string config_text_;
  std::unique_ptr<MetricsLog> log_;
  std::unique_ptr<Progress> progress_;
};

model::DeepLab Run::make_network(bool from_file) const {
  torch::manual_seed(mix_seed({static_cast<uint64_t>(config_.train.seed)}));
  model::DeepLab network(config_.model, classes_.size());
  const auto& file = config_.train.init_from;
  if (from_file && !file.empty()) {
    const auto report =
        weights::load_file(*network, {file, config_.train.init_key});
    if (report.loaded.empty()) {
      throw DataError(
          str(file, ": no tensor of it fits the network: ", report.summary())
      );
    }
    std::cerr << file << ": " << report.summary() << '\n';
  }
  network->to(options_.device);
  return network;
}

BatchSource Run::batches() const {
  data::LoaderOptions options;
  options.batch_size = config_.train.batch_size;
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
    throw ConfigError(
        str(options_.folder,
            ": holds a run already; add --resume to go on with "
            "it, or give another --out")
    );
  }
  auto checkpoint = engine::load_checkpoint(files_.last);
  // Keys that its version did not know have their defaults.
  const auto stored =
      write_config(read_run_config(parse_json(checkpoint.config, files_.last)));
  for (const auto& key : differing_keys(stored, write_config(config_))) {
    if (key == "data.workers" || key == "data.prefetch") continue;
    throw ConfigError(
        str(files_.last,
            ": was trained with another ",
            key,
            "; a run resumes with its own config (",
            files_.config,
            ")")
    );
  }
  return checkpoint;
}

double Run::validate_network(model::DeepLab network, int64_t iteration) {
  network->set_output_stride(config_.evaluate_stride());
  const auto device = options_.device;
  const auto segmenter = [inner = model::make_segmenter(network),
                          device](const torch::Tensor& images) {
    return inner(images.to(device));
  };
  engine::EvaluateOptions options;
  options.counted.num_classes = classes_.size();
  options.counted.details = false;
  const auto scores =
      engine::evaluate(
          segmenter,
          make_sample_source(validation_, config_.normalization()),
          options
      )
          .network.scores();
  log_->write(
      {{"iteration", iteration},
       {"validation", scores_json(scores, classes_.names)}}
  );
  progress_->say(
      str("iteration ",
          iteration,
          ": validation mIoU ",
          percent(scores.mean_iou),
          ", pixel accuracy ",
          percent(scores.pixel_accuracy))
  );
  return scores.mean_iou;
}

void Run::save(engine::Checkpoint checkpoint, bool is_best) const {
  checkpoint.config = config_text_;
  if (is_best) engine::save_checkpoint(files_.best, checkpoint);
  engine::save_checkpoint(files_.last, checkpoint);
}

bool Run::train() {
  const auto resumed = checkpoint_to_resume();
  const auto source = batches();
  const auto network = make_network(/*from_file=*/!resumed);
  engine::Trainer trainer(network, config_.train);
  if (resumed) trainer.restore(*resumed);
  write_file(files_.config, config_text_ + "\n");
  log_ = std::make_unique<MetricsLog>(files_.metrics, trainer.iteration());
  progress_ = std::make_unique<Progress>(
      "train", config_.train.iterations, trainer.iteration()
  );
  if (resumed) {
    progress_->say(str("resumed at iteration ", trainer.iteration()));
  }
  const StopSignals signals;
  engine::TrainHooks hooks;
  // Of this process: seconds of all steps, and those spent waiting for data.
  double seconds = 0;
  double waited = 0;
  hooks.on_step = [&](const engine::StepReport& report) {
    seconds += report.seconds;
    waited += report.data_seconds;
    log_->write(
        {{"iteration", report.iteration},
         {"loss", report.loss},
         {"learning_rate", report.learning_rate},
         {"seconds", report.seconds},
         {"data_seconds", report.data_seconds}}
    );
    std::ostringstream detail;
    detail << std::setprecision(4) << "loss " << report.loss << "  lr "
           << report.learning_rate << "  data wait "
           << percent(waited / seconds);
    progress_->update(report.iteration, detail.str());
  };
  hooks.validate = [&](int64_t iteration) {
    return validate_network(network, iteration);
  };
  hooks.save = [this](const engine::Checkpoint& checkpoint, bool is_best) {
    save(checkpoint, is_best);
  };
  hooks.should_stop = [&] { return signals.arrived(); };
  trainer.run(source, hooks);
  progress_.reset();
  return trainer.iteration() == config_.train.iterations;
}

double Run::seconds_per_step() {
  constexpr int64_t kWarm = 2;
  constexpr int64_t kTimed = 4;
  engine::Trainer trainer(make_network(/*from_file=*/false), config_.train);
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
  // Room for the steps that are measured; they validate nothing.
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

bool run_training(RunConfig config, const TrainingOptions& options) {
  return Run(config, options).train();
}

}  // namespace deeplab::apps
