// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <map>
#include <sstream>

#include <fmt/core.h>

#include "apps/cli/flags.h"
#include "apps/cli/verbs.h"
#include "apps/machine/progress.h"
#include "apps/report/evaluation_text.h"
#include "apps/report/page.h"
#include "apps/run/inference.h"
#include "apps/run/network_source.h"
#include "apps/run/run.h"
#include "apps/verbs/config_flags.h"
#include "data/files/image_file.h"
#include "data/kinds.h"
#include "data/loader.h"
#include "data/tensors.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/metrics/bootstrap.h"
#include "deeplab/metrics/largest_class.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

/// One of the two networks that are compared.
struct Contestant {
  std::string name;
  NetworkSource network;
  std::optional<metrics::Evaluation> evaluation;
  /// Folder of its predictions for the images that are shown.
  std::string masks;
  /// Indices of the images in the data set, by name.
  std::map<std::string, int64_t> places;
};

NetworkSource open_contestant(
    const std::string& path, torch::Device device, const ConfigRequest& config
) {
  NetworkRequest request;
  request.checkpoint = path;
  request.device = device;
  request.config = config;
  return open_network(request);
}

/// The gain of the second network on one image: the difference in mean IoU.
struct Gain {
  std::string name;
  double difference;
};

/// Returns the gain on every image, sorted by absolute size, largest first.
std::vector<Gain> gains_of(const Contestant& first, const Contestant& second) {
  std::vector<Gain> gains;
  for (const auto& [name, counts] : first.evaluation->images()) {
    const auto& other = second.evaluation->images().at(name);
    gains.push_back({name, metrics::mean_iou(other) - metrics::mean_iou(counts)}
    );
  }
  std::stable_sort(
      gains.begin(), gains.end(),
      [](const Gain& a, const Gain& b) {
        return std::abs(a.difference) > std::abs(b.difference);
      }
  );
  return gains;
}

void score_all(
    Contestant& one, const data::Dataset& dataset, const SampleSource& samples
) {
  std::cerr << one.name << '\n';
  Progress progress("evaluate", dataset.size(), 0);
  const auto& config = one.network.config;
  auto options = evaluate_options(config, dataset);
  options.on_image = [&](int64_t done, double network_share) {
    progress.update(done, network_text(network_share));
  };
  options.on_prediction = [&](const Sample& sample, const torch::Tensor&) {
    one.places.emplace(sample.name, static_cast<int64_t>(one.places.size()));
  };
  const auto network =
      inference_of(one.network.segmenter, config, std::nullopt);
  one.evaluation = engine::evaluate(network, samples, options).final();
}

cv::Mat predict_mask(
    const NetworkSource& network,
    const data::RawSample& raw,
    int64_t num_classes
) {
  const auto& config = network.config;
  Sample sample;
  sample.name = raw.name;
  sample.image = data::to_tensor(raw.image, config.normalization());
  sample.pixels = data::to_pixels(raw.image);
  auto scores = engine::score(
      inference_of(network.segmenter, config, std::nullopt), sample, num_classes
  );
  const auto post_process = crf_of(config.evaluate);
  if (post_process) scores = post_process(sample, scores);
  return data::to_mask(metrics::largest_class(scores));
}

/// Writes the photo, the ground truth and both predictions for each image of
/// `gains`. Returns the IDs of the images in the same order.
std::vector<std::string> write_pictures(
    const std::vector<const Contestant*>& contestants,
    const std::vector<Gain>& gains,
    const data::Dataset& dataset,
    const std::string& folder
) {
  std::vector<std::string> ids;
  for (const auto& gain : gains) {
    const auto place = contestants[0]->places.at(gain.name);
    const auto raw = dataset.load(place);
    const auto id = dataset.id(place);
    const auto stem = fmt::format("{}/pictures/{}", folder, id);
    ids.push_back(id);
    data::write_image(stem + ".jpg", raw.image);
    data::write_mask(stem + ".png", raw.labels, dataset.classes());
    for (const auto* one : contestants) {
      data::write_mask(
          one->masks + "/" + id + ".png",
          predict_mask(one->network, raw, dataset.classes().size()),
          dataset.classes()
      );
    }
  }
  return ids;
}

std::string class_table(
    const Contestant& first,
    const Contestant& second,
    const std::vector<std::string>& names
) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << std::left << std::setw(26)
       << "IoU, %" << std::right << std::setw(10) << "A" << std::setw(10) << "B"
       << std::setw(10) << "B - A" << '\n';
  const auto line = [&](const std::string& name, std::optional<double> a,
                        std::optional<double> b) {
    text << std::left << std::setw(26) << name << std::right;
    for (const auto& value : {a, b}) {
      text << std::setw(10);
      if (value) {
        text << 100 * *value;
      } else {
        text << '-';
      }
    }
    if (a && b) {
      text << std::showpos << std::setw(10) << 100 * (*b - *a)
           << std::noshowpos;
    }
    text << '\n';
  };
  const auto a = first.evaluation->scores();
  const auto b = second.evaluation->scores();
  for (size_t k = 0; k < names.size(); ++k) {
    line("  " + names[k], a.class_iou[k], b.class_iou[k]);
  }
  line("mean IoU", a.mean_iou, b.mean_iou);
  line("pixel accuracy", a.pixel_accuracy, b.pixel_accuracy);
  const auto more_a = first.evaluation->details();
  const auto more_b = second.evaluation->details();
  line("boundary IoU", more_a.mean_boundary_iou, more_b.mean_boundary_iou);
  line("boundary F", more_a.mean_boundary_f, more_b.mean_boundary_f);
  return text.str();
}

ResultRow row_of(
    const Contestant& one,
    const char* letter,
    const std::vector<std::string>& names
) {
  ResultRow row;
  row.name = fmt::format("{}: {}", letter, one.name);
  row.results.push_back(
      {{"evaluation", evaluation_json(*one.evaluation, names)}}
  );
  row.images = one.evaluation->images();
  return row;
}

std::string verdict(const metrics::Comparison& comparison) {
  return fmt::format(
      "B - A: {:+.2f} points of mean IoU, 95 % interval {:+.2f} to {:+.2f}{} (paired bootstrap over images)\n",
      100 * comparison.difference, 100 * comparison.low, 100 * comparison.high,
      comparison.is_clear() ? ": clear" : ": no clear difference"
  );
}

/// Writes the page and its pictures; returns the path of the page.
std::string write_page(
    const std::array<Contestant, 2>& contestants,
    const metrics::Comparison& comparison,
    const std::vector<Gain>& gains,
    const data::Dataset& dataset,
    const std::string& folder
) {
  const auto& [a, b] = contestants;
  const auto& names = dataset.classes().names;
  Report report;
  report.table.title = "A against B";
  report.table.rows = {row_of(a, "A", names), row_of(b, "B", names)};
  report.table.rows[1].against_reference = comparison;
  report.data = a.network.config.data.kind;
  report.classes = dataset.classes();
  report.pictures = folder + "/pictures";
  report.masks = {a.masks, b.masks};
  report.metrics = {"", ""};
  report.ids = write_pictures({&a, &b}, gains, dataset, folder);
  auto path = folder + "/compare.html";
  write_file(path, html_page(report));
  return path;
}

}  // namespace

int compare(const Arguments& arguments) {
  Flags flags(
      "compare", "Compares two trained networks on one data set.",
      "A B --out DIR    A, B: folders of runs, or checkpoints"
  );
  const ConfigFlags config_flags(flags, ConfigScope::kData);
  flags.add_device();
  flags.take_positional("networks");
  auto add = flags.add();
  add("out", "Folder for compare.html and its pictures.",
      cxxopts::value<std::string>()->default_value("runs/compare"));
  flags.add_whole(
      "pictures",
      "Number of images to show; those that differ most are chosen.", {0}, 6
  );
  if (!flags.parse(arguments)) return 0;
  const auto paths = flags.words("networks");
  if (paths.size() != 2) throw ConfigError("name two runs or checkpoints");

  const auto folder = flags.text("out");
  const auto device = flags.device();
  const auto changes = config_flags.request();
  const auto open = [&](size_t index, const char* name) {
    const auto& path = paths[index];
    return Contestant{
        path, open_contestant(path, device, changes), {}, folder + name, {}};
  };
  std::array<Contestant, 2> contestants{open(0, "/a"), open(1, "/b")};
  const auto& [a, b] = contestants;
  const auto dataset =
      make_dataset(a.network.config.data, data::Role::kValidation);
  for (auto& one : contestants) {
    score_all(
        one, *dataset,
        make_sample_source(dataset, one.network.config.normalization())
    );
  }
  constexpr int64_t kRounds = 2000;
  const auto comparison = metrics::compare(
      a.evaluation->images(), b.evaluation->images(), kRounds, /*seed=*/0
  );
  auto gains = gains_of(a, b);
  std::cout << "A: " << a.name << "\nB: " << b.name << '\n'
            << class_table(a, b, dataset->classes().names)
            << verdict(comparison)
            << "images that differ most (mean IoU of the image, B - A):\n";
  gains.resize(
      std::min(gains.size(), static_cast<size_t>(flags.whole("pictures")))
  );
  for (const auto& gain : gains) {
    std::cout << fmt::format(
        "  {:+.2f}  {}\n", 100 * gain.difference, gain.name
    );
  }
  std::cout << write_page(contestants, comparison, gains, *dataset, folder)
            << '\n';
  return 0;
}

}  // namespace deeplab::apps
