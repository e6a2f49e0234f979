// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include <ATen/Parallel.h>
#include <fmt/core.h>
#include <torch/types.h>

#include "apps/cli/flags.h"
#include "apps/cli/verbs.h"
#include "apps/machine/progress.h"
#include "apps/run/inference.h"
#include "apps/run/network_source.h"
#include "apps/verbs/network_flags.h"
#include "data/files/npy.h"
#include "data/kinds.h"
#include "data/loader.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"
#include "deeplab/crf/crf_config.h"
#include "deeplab/crf/post_process.h"
#include "deeplab/engine/evaluator.h"
#include "deeplab/metrics/largest_class.h"
#include "deeplab/metrics/metrics.h"

namespace deeplab::apps {
namespace {

/// Values of the bilateral kernel's parameters that a paper searched.
struct Grid {
  const char* name;
  std::vector<double> weights;
  std::vector<double> xy;
  std::vector<double> rgb;
};

/// Source: Chen et al. 2014, arXiv:1412.7062, section 5.1 (v1); Chen et al.
///         2016, arXiv:1606.00915, section 4.1 (v2).
std::vector<Grid> grids() {
  return {
      {"v1",
       {5, 6, 7, 8, 9, 10},
       {50, 60, 70, 80, 90, 100},
       {3, 4, 5, 6, 7, 8, 9, 10}},
      {"v2", {3, 4, 5, 6}, {30, 40, 50, 60, 70, 80, 90, 100}, {3, 4, 5, 6}}};
}

Grid find_grid(const std::string& name) {
  const auto all = grids();
  for (const auto& grid : all) {
    if (name == grid.name) return grid;
  }
  const auto known = names_of(all);
  throw ConfigError(fmt::format(
      "--grid {}; known: {}{}", name, list_names(known),
      suggest_name(name, known)
  ));
}

/// One point of a grid: an index into each of its three lists.
using Point = std::array<size_t, 3>;

/// Returns every second index of a list, and the last.
std::vector<size_t> coarse(size_t count) {
  std::vector<size_t> places;
  for (size_t i = 0; i < count; i += 2) places.push_back(i);
  if (places.back() + 1 < count) places.push_back(count - 1);
  return places;
}

/// Returns the indices next to `place`, and `place` itself.
std::vector<size_t> around(size_t place, size_t count) {
  std::vector<size_t> places;
  for (size_t i = place == 0 ? 0 : place - 1; i < count && i <= place + 1;
       ++i) {
    places.push_back(i);
  }
  return places;
}

std::vector<Point> product(
    const std::vector<size_t>& a,
    const std::vector<size_t>& b,
    const std::vector<size_t>& c
) {
  std::vector<Point> points;
  for (const size_t i : a) {
    for (const size_t j : b) {
      for (const size_t k : c) points.push_back({i, j, k});
    }
  }
  return points;
}

/// An image whose scores are stored in a file.
struct Scored {
  std::string logits;
  torch::Tensor image;
  torch::Tensor labels;
};

class Tuning {
 public:
  Tuning(
      const crf::CrfConfig& base, Grid grid, std::string table, int64_t classes
  )
      : base_(base),
        grid_(std::move(grid)),
        table_(std::move(table)),
        classes_(classes) {}

  /// Reads the results of an earlier, interrupted run with the same `subject`.
  /// Returns true if there was one. Throws: ConfigError if the earlier run had
  /// another subject.
  bool recall(const Json& subject);
  void use(std::vector<Scored> images) { images_ = std::move(images); }
  crf::CrfConfig search();
  double best_mean_iou() const { return best_mean_iou_; }
  double plain_mean_iou() const { return score(std::nullopt); }

 private:
  crf::CrfConfig config_of(const Point& point) const {
    auto config = base_;
    config.bilateral_weight = grid_.weights[point[0]];
    config.bilateral_xy = grid_.xy[point[1]];
    config.bilateral_rgb = grid_.rgb[point[2]];
    return config;
  }
  double score(const std::optional<crf::CrfConfig>& config) const;
  void try_points(const char* stage, const std::vector<Point>& points);

  crf::CrfConfig base_;
  Grid grid_;
  std::string table_;
  int64_t classes_;
  std::vector<Scored> images_;
  /// Mean IoU, keyed by the CRF's config as JSON text.
  std::map<std::string, double> known_;
  Point best_{};
  double best_mean_iou_ = -1;
};

bool Tuning::recall(const Json& subject) {
  const auto first = subject.dump() + "\n";
  if (!std::filesystem::exists(table_)) {
    write_file(table_, first);
    return false;
  }
  std::istringstream lines(read_file(table_));
  std::string line;
  std::getline(lines, line);
  if (line + "\n" != first) {
    throw ConfigError(fmt::format(
        "{}: belongs to a tuning with other settings; give another --out",
        table_
    ));
  }
  auto whole = first;
  while (std::getline(lines, line)) {
    const auto row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    // The last line of a killed run may be incomplete.
    if (!row.is_object() || !row.contains("crf") || !row.contains("mean_iou") ||
        !row["mean_iou"].is_number()) {
      continue;
    }
    known_[row["crf"].dump()] = row["mean_iou"].get<double>();
    whole += line + "\n";
  }
  write_file(table_, whole);
  return true;
}

double Tuning::score(const std::optional<crf::CrfConfig>& config) const {
  const auto count = static_cast<int64_t>(images_.size());
  std::vector<torch::Tensor> predictions(images_.size());
  at::parallel_for(0, count, 1, [&](int64_t first, int64_t last) {
    for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(last);
         ++i) {
      auto scores = data::read_npy(images_[i].logits);
      if (config) {
        scores = crf::refine(scores, images_[i].image, config->options());
      }
      predictions[i] = metrics::largest_class(scores);
    }
  });
  metrics::ConfusionMatrix counts(classes_);
  for (size_t i = 0; i < images_.size(); ++i) {
    counts.add(images_[i].labels, predictions[i]);
  }
  return counts.scores().mean_iou;
}

void Tuning::try_points(const char* stage, const std::vector<Point>& points) {
  Progress progress(stage, static_cast<int64_t>(points.size()), 0);
  int64_t done = 0;
  for (const auto& point : points) {
    const auto config = write_config(config_of(point));
    const auto text = config.dump();
    if (known_.count(text) == 0) {
      known_[text] = score(config_of(point));
      const Json row{{"crf", config}, {"mean_iou", known_[text]}};
      std::ofstream table(table_, std::ios::app);
      table << row.dump() << std::endl;
      if (!table) throw DataError(fmt::format("{}: cannot write", table_));
    }
    if (known_[text] > best_mean_iou_) {
      best_ = point;
      best_mean_iou_ = known_[text];
    }
    std::ostringstream best;
    best << "best mIoU " << 100 * best_mean_iou_ << " %";
    progress.update(++done, best.str());
  }
}

crf::CrfConfig Tuning::search() {
  const auto& [name, weights, xy, rgb] = grid_;
  try_points(
      "coarse",
      product(coarse(weights.size()), coarse(xy.size()), coarse(rgb.size()))
  );
  try_points(
      "fine", product(
                  around(best_[0], weights.size()), around(best_[1], xy.size()),
                  around(best_[2], rgb.size())
              )
  );
  return config_of(best_);
}

/// Returns the path of an image's scores.
std::string scores_file(const std::string& folder, int64_t image) {
  return fmt::format("{}/{}.npy", folder, image);
}

/// Writes the network's scores of the first `count` images to files in
/// `folder`. Files that an earlier run left there are not computed again.
std::vector<Scored> score_images(
    const NetworkSource& network,
    const SampleSource& samples,
    int64_t count,
    int64_t classes,
    const std::string& folder
) {
  const auto segmenter =
      inference_of(network.segmenter, network.config, std::nullopt);
  std::vector<Scored> images;
  Progress progress("scores", count, 0);
  for (int64_t i = 0; i < count; ++i) {
    const auto sample = samples.at(i);
    const auto path = scores_file(folder, i);
    if (!std::filesystem::exists(path)) {
      const auto logits = engine::score(segmenter, sample, classes);
      data::write_npy(path, logits.cpu());
    }
    images.push_back({path, sample.pixels, sample.labels});
    progress.update(i + 1, "");
  }
  return images;
}

}  // namespace

int crf_tune(const Arguments& arguments) {
  Flags flags(
      "crf tune",
      "Chooses a CRF's bilateral parameters by mean IoU on validation images: tries every second point of a paper's grid, then all points next to the best one. If it is interrupted, the same command continues.",
      "--checkpoint FILE --out FOLDER [flags]"
  );
  const NetworkFlags network_flags(flags);
  add_crf_flag(flags);
  auto add = flags.add();
  const auto text = [] { return cxxopts::value<std::string>(); };
  add("grid", "Grid of parameters, from the DeepLab papers: v1 or v2.",
      text()->default_value("v2"));
  flags.add_whole(
      "images", "Number of validation images to use; the first ones are taken.",
      {1}, 100
  );
  add("out",
      "Folder for the results: crf.json (for --crf), table.jsonl, and the network's scores.",
      text());
  if (!flags.parse(arguments)) return 0;
  if (!flags.has("out")) throw ConfigError("--out is not given; name a folder");
  const auto grid = find_grid(flags.text("grid"));
  const auto base =
      crf::read_crf_config(flags.has("crf") ? flags.text("crf") : "resnet101");
  // Checks the parameters before the network runs.
  base.options();
  const auto folder = flags.text("out");
  const auto network = open_network(network_flags.request());
  const auto dataset =
      make_dataset(network.config.data, data::Role::kValidation);
  const auto count = std::min(flags.whole("images"), dataset->size());
  Tuning tuning(base, grid, folder + "/table.jsonl", dataset->classes().size());
  const auto scores = folder + "/scores";
  const bool continues = tuning.recall(
      {{"network", network.name},
       {"written", std::filesystem::last_write_time(network.name)
                       .time_since_epoch()
                       .count()},
       {"resize", flags.has("resize") ? flags.text("resize") : ""},
       {"config", write_config(network.config)},
       {"grid", grid.name},
       {"images", count},
       {"base", write_config(base)}}
  );
  // Scores left by another tuning must not be taken for those of this one.
  for (int64_t i = 0; !continues && i < count; ++i) {
    std::filesystem::remove(scores_file(scores, i));
  }
  tuning.use(score_images(
      network, make_sample_source(dataset, network.config.normalization()),
      count, dataset->classes().size(), scores
  ));
  const auto best = tuning.search();
  write_file(folder + "/crf.json", write_config(best).dump(2) + "\n");
  std::cout << fmt::format(
      "mean IoU without the CRF {:g} %, with the best parameters {:g} %\n{}/crf.json\n",
      100 * tuning.plain_mean_iou(), 100 * tuning.best_mean_iou(), folder
  );
  return 0;
}

}  // namespace deeplab::apps
