// SPDX-License-Identifier: Apache-2.0
#include "apps/ablation.h"

#include <chrono>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include <torch/version.h>
#include <unistd.h>

#include "apps/evaluation_text.h"
#include "apps/inference.h"
#include "apps/network_source.h"
#include "apps/overlay.h"
#include "apps/platform.h"
#include "apps/progress.h"
#include "apps/report/page.h"
#include "apps/run.h"
#include "data/image_file.h"
#include "data/loader.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/version.h"
#include "deeplab/engine/evaluator.h"
#include "deeplab/model/cost.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(
               std::chrono::steady_clock::now() - start_
    )
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

Json axes_of(const Cell& cell) {
  Json axes = Json::object();
  for (const auto& [key, value] : cell.values) axes[key] = value;
  return axes;
}

std::string describe(const Cell& cell) {
  std::string text = cell.name;
  for (const auto& [key, value] : cell.values) {
    text += str(text.empty() ? "" : " ", key, "=", value.dump());
  }
  return text;
}

std::string now_text() {
  const auto now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::ostringstream text;
  text << std::put_time(&parts, "%FT%TZ");
  return text.str();
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

/// Parameters, and multiply-adds of one image of the set.
Json cost_of(const Cell& cell, model::ImageSize image) {
  model::DeepLab network(
      cell.config.model,
      static_cast<int64_t>(cell.config.data.classes.size()),
      model::StartWeights::kUnset
  );
  network->set_output_stride(cell.config.evaluate_stride());
  model::CostOptions options;
  options.height = image.height;
  options.width = image.width;
  options.scales = cell.config.evaluate.scales;
  options.flip = cell.config.evaluate.flip;
  const auto plain = model::measure_cost(network, options);
  options.rule = model::CountRule::kPaper;
  const auto paper = model::measure_cost(network, options);
  return {
      {"image", {image.height, image.width}},
      {"parameters", plain.parameters},
      {"multiply_adds", plain.multiply_adds},
      {"multiply_adds_paper_rule", paper.multiply_adds}};
}

engine::EvaluateOptions evaluate_options(
    const RunConfig& config, const data::Dataset& dataset
) {
  engine::EvaluateOptions options;
  options.counted.num_classes = dataset.classes().size();
  options.counted.trimap_widths = config.evaluate.trimap;
  options.post_process = crf_of(config.evaluate, config.data);
  return options;
}

std::string duration_text(double seconds) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1);
  constexpr double kMinute = 60;
  constexpr double kHour = 3600;
  if (seconds < kMinute) {
    text << seconds << " s";
  } else if (seconds < kHour) {
    text << seconds / kMinute << " min";
  } else {
    text << seconds / kHour << " h";
  }
  return text.str();
}

/// Times a few steps and images of untrained networks; what differs only in
/// its seed takes as long.
class Calibration {
 public:
  explicit Calibration(torch::Device device) : device_(device) {}

  double training_seconds(const RunConfig& config) {
    auto alike = training_config(config);
    alike.train.seed = 0;
    auto& step = seconds_["train " + write_config(alike).dump()];
    if (step == 0) step = measure_step(config, device_);
    const auto& train = config.train;
    const int64_t every = train.validate_every;
    const int64_t validations =
        every == 0 ? 1 : (train.iterations + every - 1) / every;
    auto plain = config;
    plain.evaluate = {};
    plain.evaluate.output_stride = config.evaluate.output_stride;
    return step * static_cast<double>(train.iterations) +
           static_cast<double>(validations) * scoring_seconds(plain);
  }

  double scoring_seconds(const RunConfig& config) {
    auto alike = config;
    alike.train = {};
    auto& image = seconds_[str(
        pixels_per_feature(config.evaluate_stride()), write_config(alike).dump()
    )];
    const auto dataset = make_dataset(config.data, data::Role::kValidation);
    if (image == 0) image = measure_image(config, dataset);
    return image * static_cast<double>(dataset->size());
  }

 private:
  double measure_image(
      const RunConfig& config,
      const std::shared_ptr<const data::Dataset>& dataset
  ) const {
    model::DeepLab network(config.model, dataset->classes().size());
    network->set_output_stride(config.evaluate_stride());
    network->to(device_);
    auto samples = make_sample_source(dataset, config.normalization());
    // The first makes what later ones keep.
    constexpr int64_t kImages = 3;
    samples.size = std::min(kImages, samples.size);
    std::vector<double> ends;
    const Stopwatch watch;
    auto options = evaluate_options(config, *dataset);
    options.on_image = [&](int64_t) { ends.push_back(watch.seconds()); };
    const auto segmenter = [inner = model::make_segmenter(network),
                            device = device_](const torch::Tensor& images) {
      return inner(images.to(device));
    };
    engine::evaluate(
        inference_of(segmenter, config.evaluate, std::nullopt), samples, options
    );
    if (ends.size() == 1) return ends[0];
    return (ends.back() - ends[0]) / static_cast<double>(ends.size() - 1);
  }

  torch::Device device_;
  std::map<std::string, double> seconds_;
};

}  // namespace

Ablation::Ablation(
    Grid grid, std::string folder, torch::Device device, int64_t pictured
)
    : grid_(std::move(grid)),
      folder_(std::move(folder)),
      device_(device),
      pictured_(pictured),
      log_(folder_ + "/results.jsonl") {}

std::string Ablation::training_folder(const Cell& cell) const {
  return folder_ + "/trainings/" + cell.training_id;
}

std::string Ablation::mask_folder(const Cell& cell) const {
  return folder_ + "/masks/" + cell.id;
}

std::string Ablation::picture_folder(const Cell& cell) const {
  return folder_ + "/pictures/" + cell.data_id;
}

std::vector<std::string> Ablation::open_trainings() const {
  std::vector<std::string> trainings;
  for (const auto& cell : grid_.cells) {
    const bool listed =
        std::count(trainings.begin(), trainings.end(), cell.training_id) > 0;
    if (!listed && !log_.is_done(cell.id)) {
      trainings.push_back(cell.training_id);
    }
  }
  return trainings;
}

void Ablation::check() const {
  for (const auto& training : open_trainings()) {
    for (const auto& cell : grid_.cells) {
      if (cell.training_id != training) continue;
      check_training(cell.config);
      break;
    }
  }
}

std::string Ablation::plan() const {
  std::ostringstream text;
  Calibration calibration(device_);
  std::set<std::string> trainings;
  double total = 0;
  for (const auto& cell : grid_.cells) {
    text << "training " << cell.training_id << "  " << describe(cell);
    if (log_.is_done(cell.id)) {
      text << "  done\n";
      continue;
    }
    if (trainings.insert(cell.training_id).second) {
      const double training = calibration.training_seconds(cell.config);
      text << "  train " << duration_text(training);
      total += training;
    }
    const double scoring = calibration.scoring_seconds(cell.config);
    text << "  score " << duration_text(scoring) << '\n';
    total += scoring;
  }
  text << trainings.size() << " trainings, about " << duration_text(total)
       << " one after the other\n";
  return text.str();
}

bool Ablation::run(const std::string& training) {
  for (size_t i = 0; i < grid_.cells.size(); ++i) {
    const auto& cell = grid_.cells[i];
    if (!training.empty() && cell.training_id != training) continue;
    const bool done = log_.is_done(cell.id);
    std::cerr << "cell " << i + 1 << " of " << grid_.cells.size() << ": "
              << describe(cell) << (done ? " (done before)\n" : "\n");
    if (done) continue;
    try {
      if (!train(cell)) return false;
      score(cell);
    } catch (const std::exception& error) {
      std::cerr << "error: cell " << i + 1 << ": " << error.what() << '\n';
      append(cell, {{"error", error.what()}});
    }
  }
  return true;
}

bool Ablation::train(const Cell& cell) {
  TrainingOptions options;
  options.folder = training_folder(cell);
  options.device = device_;
  options.resume = true;
  auto config = training_config(cell.config);
  config.data.workers = cell.config.data.workers;
  config.data.prefetch = cell.config.data.prefetch;
  return run_training(config, options);
}

void Ablation::score(const Cell& cell) {
  const auto dataset = make_dataset(cell.config.data, data::Role::kValidation);
  const auto& names = dataset->classes().names;
  const RunFiles files(training_folder(cell));
  Progress progress("evaluate", dataset->size(), 0);
  int64_t index = 0;
  model::ImageSize first_size{0, 0};
  auto options = evaluate_options(cell.config, *dataset);
  options.on_image = [&](int64_t done) { progress.update(done, ""); };
  options.on_prediction = [&](const Sample&, const torch::Tensor& prediction) {
    if (index == 0) first_size = {prediction.size(0), prediction.size(1)};
    if (index < pictured_) {
      const auto id = dataset->id(index);
      const auto raw = dataset->load(index);
      const auto pictures = picture_folder(cell) + "/" + id;
      data::write_image(pictures + ".jpg", raw.image);
      data::write_mask(pictures + ".png", raw.labels, dataset->classes());
      data::write_mask(
          mask_folder(cell) + "/" + id + ".png",
          to_mask(prediction),
          dataset->classes()
      );
    }
    ++index;
  };
  reset_peak_resident();
  const Stopwatch watch;
  const auto network = inference_of(
      open_checkpoint(files.last, cell.config.evaluate_stride(), device_),
      cell.config.evaluate,
      std::nullopt
  );
  const auto result = engine::evaluate(
      network, make_sample_source(dataset, cell.config.normalization()), options
  );
  auto cost = Json{
      {"seconds_per_image",
       watch.seconds() / static_cast<double>(dataset->size())},
      {"peak_memory_bytes", peak_resident_bytes()}};
  cost.update(cost_of(cell, first_size));
  write_file(
      counts_folder() + "/" + cell.id + ".json",
      images_json(result.final().images()).dump() + "\n"
  );
  Json line{{"evaluation", evaluation_json(result.final(), names)}};
  if (result.processed) {
    line["before_crf"] = evaluation_json(result.network, names);
  }
  line["cost"] = cost;
  append(cell, line);
}

void Ablation::append(const Cell& cell, const Json& line) {
  Json result{
      {"id", cell.id},
      {"training", cell.training_id},
      {"name", cell.name},
      {"axes", axes_of(cell)},
      {"seed", cell.config.train.seed},
      {"version", kVersion},
      {"libtorch", TORCH_VERSION},
      {"host", host_name()},
      {"device", device_.str()},
      {"time", now_text()}};
  result.update(line);
  result["config"] = write_config(cell.config);
  log_.append(result);
}

int64_t Ablation::count_failed() const {
  int64_t failed = 0;
  for (const auto& cell : grid_.cells) failed += log_.is_done(cell.id) ? 0 : 1;
  return failed;
}

std::string Ablation::write_report() {
  log_ = ResultsLog(folder_ + "/results.jsonl");
  const auto table = make_table(grid_, log_, counts_folder());
  const auto& shown = grid_.cells[0];
  Report report;
  report.table = table;
  const auto dataset = make_dataset(shown.config.data, data::Role::kValidation);
  report.classes = dataset->classes();
  report.data = shown.config.data.kind;
  report.pictures = picture_folder(shown);
  for (int64_t i = 0; i < std::min(pictured_, dataset->size()); ++i) {
    report.ids.push_back(dataset->id(i));
  }
  std::map<std::string, std::string> data_of;
  for (const auto& cell : grid_.cells) data_of[cell.id] = cell.data_id;
  for (const auto& row : table.rows) {
    // Other data would stand beside the wrong photos.
    const bool same = data_of[row.cell_id] == shown.data_id;
    report.masks.push_back(same ? folder_ + "/masks/" + row.cell_id : "");
    report.metrics.push_back(
        RunFiles(folder_ + "/trainings/" + row.training).metrics
    );
  }
  const auto text = markdown_table(table);
  write_file(folder_ + "/table.md", text);
  write_file(folder_ + "/table.tex", latex_table(table));
  write_file(folder_ + "/results.csv", csv_table(table));
  write_file(folder_ + "/report.html", html_page(report));
  return text;
}

}  // namespace deeplab::apps
