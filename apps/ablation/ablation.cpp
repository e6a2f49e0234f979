// SPDX-License-Identifier: Apache-2.0
#include "apps/ablation/ablation.h"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include <fmt/core.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include "apps/ablation/calibration.h"
#include "apps/machine/platform.h"
#include "apps/machine/progress.h"
#include "apps/report/evaluation_text.h"
#include "apps/report/page.h"
#include "apps/run/inference.h"
#include "apps/run/network_source.h"
#include "apps/run/run.h"
#include "data/files/image_file.h"
#include "data/kinds.h"
#include "data/loader.h"
#include "data/tensors.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"
#include "deeplab/core/version.h"
#include "deeplab/engine/evaluator.h"
#include "deeplab/engine/memory_meter.h"
#include "deeplab/model/cost.h"

namespace deeplab::apps {
namespace {

Json axes_of(const Cell& cell) {
  Json axes = Json::object();
  for (const auto& [key, value] : cell.values) axes[key] = value;
  return axes;
}

std::string describe(const Cell& cell) {
  std::string text = cell.name;
  for (const auto& [key, value] : cell.values) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, value.dump());
  }
  return text;
}

/// Returns the number of parameters, and the multiply-adds for one image of
/// that size.
Json cost_of(const Cell& cell, ImageSize image) {
  model::DeepLab network(
      cell.config.model, static_cast<int64_t>(cell.config.data.classes.size()),
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

/// Time and memory that calls of a function have taken.
struct Effort {
  double seconds = 0;
  int64_t peak_tensor_bytes = 0;
};

template <class Function>
auto measured(Function function, torch::Device device, Effort& effort) {
  return [function = std::move(function), device,
          &effort](const auto&... arguments) {
    torch::Tensor result;
    const auto start = std::chrono::steady_clock::now();
    const auto peak =
        engine::peak_tensor_bytes([&] { result = function(arguments...); });
    if (device.is_cuda()) torch::cuda::synchronize(device.index());
    const std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - start;
    effort.seconds += elapsed.count();
    effort.peak_tensor_bytes = std::max(effort.peak_tensor_bytes, peak);
    return result;
  };
}

std::string message_of(const std::exception& error) {
  const auto* fault = dynamic_cast<const c10::Error*>(&error);
  return fault == nullptr ? error.what() : fault->what_without_backtrace();
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

void Ablation::require_training(const std::string& training) const {
  std::set<std::string> known;
  for (const auto& cell : grid_.cells) known.insert(cell.training_id);
  if (known.count(training) > 0) return;
  throw ConfigError(fmt::format(
      "--training {}: the grid has no such training; known: {}", training,
      list_names({known.begin(), known.end()})
  ));
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
       << " if they run one after the other\n";
  return text.str();
}

bool Ablation::run(const std::string& training) {
  // Error messages of failed trainings, by ID, so that a training is not
  // repeated for each of its cells.
  std::map<std::string, std::string> failed;
  for (size_t i = 0; i < grid_.cells.size(); ++i) {
    const auto& cell = grid_.cells[i];
    if (!training.empty() && cell.training_id != training) continue;
    const bool done = log_.is_done(cell.id);
    std::cerr << "cell " << i + 1 << " of " << grid_.cells.size() << ": "
              << describe(cell) << (done ? " (done before)\n" : "\n");
    if (done) continue;
    bool trained = false;
    try {
      if (failed.count(cell.training_id) > 0) {
        throw Error(failed[cell.training_id]);
      }
      if (!train(cell)) return false;
      trained = true;
      score(cell);
    } catch (const std::exception& error) {
      const auto message = message_of(error);
      if (!trained) failed[cell.training_id] = message;
      std::cerr << "error: cell " << i + 1 << ": " << message << '\n';
      append(cell, {{"error", message}});
    }
  }
  return true;
}

void Ablation::record_failure(
    const std::string& training, const std::string& message
) {
  log_ = ResultsLog(folder_ + "/results.jsonl");
  for (const auto& cell : grid_.cells) {
    if (cell.training_id != training || log_.find(cell.id) != nullptr) continue;
    append(cell, {{"error", message}});
  }
}

bool Ablation::train(const Cell& cell) {
  TrainingOptions options;
  options.folder = training_folder(cell);
  options.device = device_;
  options.resume = true;
  auto config = training_config(cell.config);
  config.data.workers = cell.config.data.workers;
  config.data.prefetch = cell.config.data.prefetch;
  // A validation holds no more in memory than the evaluation of the cell.
  config.evaluate.window = cell.config.evaluate.window;
  config.evaluate.overlap = cell.config.evaluate.overlap;
  return run_training(config, options);
}

void Ablation::score(const Cell& cell) {
  const auto dataset = make_dataset(cell.config.data, data::Role::kValidation);
  const auto& names = dataset->classes().names;
  const RunFiles files(training_folder(cell));
  Progress progress("evaluate", dataset->size(), 0);
  int64_t index = 0;
  ImageSize first_size{0, 0};
  auto options = evaluate_options(cell.config, *dataset);
  options.on_image = [&](int64_t done, double network_share) {
    progress.update(done, network_text(network_share));
  };
  options.on_prediction = [&](const Sample&, const torch::Tensor& prediction) {
    if (index == 0) first_size = {prediction.size(0), prediction.size(1)};
    if (index < pictured_) {
      data::write_mask(
          mask_folder(cell) + "/" + dataset->id(index) + ".png",
          data::to_mask(prediction), dataset->classes()
      );
    }
    ++index;
  };
  Effort effort;
  if (options.post_process) {
    options.post_process = measured(options.post_process, device_, effort);
  }
  const auto network = inference_of(
      open_checkpoint(files.last, cell.config, device_), cell.config,
      std::nullopt
  );
  const auto result = engine::evaluate(
      measured(network, device_, effort),
      make_sample_source(dataset, cell.config.normalization()), options
  );
  auto cost = Json{
      {"seconds_per_image",
       effort.seconds / static_cast<double>(dataset->size())},
      {"peak_tensor_bytes", effort.peak_tensor_bytes}};
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
  report.pictures = folder_ + "/pictures/" + shown.data_id;
  for (int64_t i = 0; i < std::min(pictured_, dataset->size()); ++i) {
    const auto raw = dataset->load(i);
    const auto stem = report.pictures + "/" + dataset->id(i);
    data::write_image(stem + ".jpg", raw.image);
    data::write_mask(stem + ".png", raw.labels, dataset->classes());
    report.ids.push_back(dataset->id(i));
  }
  std::map<std::string, std::string> data_of;
  for (const auto& cell : grid_.cells) data_of[cell.id] = cell.data_id;
  for (const auto& row : table.rows) {
    // Masks of another data set do not belong to the photos shown, so they are
    // left out.
    const bool same = data_of[row.cell_id] == shown.data_id;
    report.masks.push_back(same ? folder_ + "/masks/" + row.cell_id : "");
    report.metrics.push_back(
        RunFiles(folder_ + "/trainings/" + row.training).metrics
    );
  }
  auto text = markdown_table(table);
  write_file(folder_ + "/table.md", text);
  write_file(folder_ + "/table.tex", latex_table(table));
  write_file(folder_ + "/results.csv", csv_table(table));
  write_file(folder_ + "/report.html", html_page(report));
  return text;
}

}  // namespace deeplab::apps
