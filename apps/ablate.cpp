// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "apps/flags.h"
#include "apps/grid.h"
#include "apps/network_source.h"
#include "apps/overlay.h"
#include "apps/progress.h"
#include "apps/report.h"
#include "apps/run.h"
#include "apps/scores_text.h"
#include "apps/verbs.h"
#include "data/image_file.h"
#include "data/loader.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/version.h"
#include "deeplab/engine/evaluator.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

/// One ablation's folder: trainings/ID/, masks/ID/, pictures/, results.jsonl,
/// table.md, report.html.
class Ablation {
 public:
  Ablation(std::vector<Cell> cells, std::string folder, torch::Device device)
      : cells_(std::move(cells)), folder_(std::move(folder)), device_(device) {
    read_results();
  }

  void set_pictured(int64_t count) { pictured_ = count; }

  /// Returns whether all cells are done.
  bool run();
  /// Writes table and page; returns the table.
  std::string write_report(const std::string& title);

 private:
  std::string results_path() const { return folder_ + "/results.jsonl"; }
  std::string training_folder(const Cell& cell) const {
    return folder_ + "/trainings/" + cell.training_id;
  }
  std::string mask_folder(const Cell& cell) const {
    return folder_ + "/masks/" + cell.id;
  }
  std::string picture_folder(const Cell& cell) const {
    return folder_ + "/pictures/" + cell.data_id;
  }
  static Json axes_of(const Cell& cell);
  void read_results();
  bool train(const Cell& cell);
  void score(const Cell& cell);
  void append(const Cell& cell, const Json& line);

  std::vector<Cell> cells_;
  std::string folder_;
  torch::Device device_;
  int64_t pictured_ = 0;
  /// Lines of results.jsonl by cell.
  std::map<std::string, Json> results_;
};

void Ablation::read_results() {
  if (!fs::exists(results_path())) return;
  std::istringstream lines(read_file(results_path()));
  for (std::string line; std::getline(lines, line);) {
    const auto json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object() && json.contains("id")) {
      results_[json["id"].get<std::string>()] = json;
    }
  }
}

bool Ablation::run() {
  std::set<std::string> checked;
  for (const auto& cell : cells_) {
    if (results_.count(cell.id) == 0 &&
        checked.insert(cell.training_id).second) {
      check_training(cell.config);
    }
  }
  for (size_t i = 0; i < cells_.size(); ++i) {
    const auto& cell = cells_[i];
    std::cerr << "cell " << i + 1 << " of " << cells_.size() << ":";
    for (const auto& [key, value] : cell.values) {
      std::cerr << ' ' << key << '=' << value.dump();
    }
    const bool done = results_.count(cell.id) > 0;
    std::cerr << (done ? " (done before)\n" : "\n");
    if (done) continue;
    if (!train(cell)) return false;
    score(cell);
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
  const RunFiles files(training_folder(cell));
  const auto start = std::chrono::steady_clock::now();
  Progress progress("evaluate", dataset->size(), 0);
  int64_t index = 0;
  engine::EvaluateHooks hooks;
  hooks.on_image = [&](int64_t done) { progress.update(done, ""); };
  hooks.on_prediction = [&](const Sample&, const torch::Tensor& prediction) {
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
  const auto scores =
      engine::evaluate(
          open_checkpoint(files.last, cell.config.evaluate_stride(), device_),
          make_sample_source(dataset, cell.config.normalization()),
          dataset->classes().size(),
          hooks
      )
          .scores();
  const std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  append(
      cell,
      {{"evaluation_seconds", elapsed.count()},
       {"scores", scores_json(scores, dataset->classes().names)}}
  );
}

Json Ablation::axes_of(const Cell& cell) {
  Json axes = Json::object();
  for (const auto& [key, value] : cell.values) axes[key] = value;
  return axes;
}

void Ablation::append(const Cell& cell, const Json& line) {
  Json result{
      {"id", cell.id},
      {"training", training_folder(cell)},
      {"axes", axes_of(cell)},
      {"seed", cell.config.train.seed},
      {"version", kVersion},
      {"device", device_.str()}};
  result.update(line);
  result["config"] = write_config(cell.config);
  results_[cell.id] = result;
  std::string lines;
  for (const auto& item : results_) lines += item.second.dump() + "\n";
  write_file(results_path(), lines);
}

std::string Ablation::write_report(const std::string& title) {
  std::vector<Json> ordered;
  const auto& shown = cells_[0];
  for (const auto& cell : cells_) {
    auto result = results_.at(cell.id);
    // As this grid names them, whichever grid the cell was first run for.
    result["axes"] = axes_of(cell);
    // Other data would stand beside the wrong photos.
    const bool same = cell.data_id == shown.data_id;
    result["masks"] = same ? mask_folder(cell) : "";
    ordered.push_back(result);
  }
  const auto dataset = make_dataset(shown.config.data, data::Role::kValidation);
  Report report;
  report.title = title;
  report.rows = group_rows(ordered, report.axes);
  report.classes = dataset->classes();
  report.pictures = picture_folder(shown);
  for (int64_t i = 0; i < std::min(pictured_, dataset->size()); ++i) {
    report.ids.push_back(dataset->id(i));
  }
  const auto table = markdown_table(report);
  write_file(folder_ + "/table.md", table);
  write_file(folder_ + "/report.html", html_page(report));
  return table;
}

}  // namespace

int ablate(const Arguments& arguments) {
  Flags flags(
      "ablate",
      "Trains and scores every cell of a grid, and writes a report.",
      "GRID.json --out DIR"
  );
  flags.add_device();
  flags.take_positional("grid");
  auto add = flags.add();
  add("out",
      "folder for trainings, results and report",
      cxxopts::value<std::string>()->default_value("runs/ablation"));
  flags.add_whole("pictures", "images that the report shows", {0}, 6);
  add("dry-run", "check the grid and list its cells");
  if (!flags.parse(arguments)) return 0;
  const auto grids = flags.has("grid")
                         ? flags.get<std::vector<std::string>>("grid")
                         : std::vector<std::string>{};
  if (grids.size() != 1) throw ConfigError("name one grid file");

  auto cells = expand_grid(grids[0]);
  if (flags.has("dry-run")) {
    for (const auto& cell : cells) {
      std::cout << "training " << cell.training_id;
      for (const auto& [key, value] : cell.values) {
        std::cout << ' ' << key << '=' << value.dump();
      }
      std::cout << '\n';
    }
    return 0;
  }
  const auto folder = flags.text("out");
  fs::create_directories(folder);
  Ablation ablation(std::move(cells), folder, flags.device());
  ablation.set_pictured(flags.whole("pictures"));
  if (!ablation.run()) {
    std::cerr << "stopped; the same command goes on\n";
    return kInterrupted;
  }
  std::cout << ablation.write_report("Ablation " + grids[0]) << '\n'
            << folder << "/report.html\n";
  return 0;
}

}  // namespace deeplab::apps
