// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <set>

#include <opencv2/core.hpp>
#include <torch/types.h>

#include "apps/crf_config.h"
#include "apps/flags.h"
#include "apps/overlay.h"
#include "apps/platform.h"
#include "apps/verbs.h"
#include "data/image_file.h"
#include "data/npy.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/crf/energies.h"
#include "deeplab/crf/gibbs.h"
#include "deeplab/crf/mean_field.h"
#include "deeplab/crf/rows.h"

namespace deeplab::apps {
namespace {

/// What a pixel is thought to be before its neighbours are asked.
struct Unary {
  size_t labels = 0;
  /// [labels, H, W]
  torch::Tensor energies;

  float* data() const { return energies.data_ptr<float>(); }
};

/// Refuses scores of another shape than the image's.
torch::Tensor read_scores(
    const std::string& path, const cv::Mat& image, bool drops_labels
) {
  // The scores, and two of the CRF's tables, which are smaller by an unknown
  // number of labels if some are dropped.
  const size_t times_the_file = drops_labels ? 1 : 3;
  std::error_code problem;
  const auto bytes = std::filesystem::file_size(path, problem);
  if (!problem) {
    crf::check_memory(image.total(), times_the_file * bytes / image.total());
  }
  const auto scores = data::read_npy(path);
  const auto fits = scores.dim() == 3 && scores.size(0) >= 2 &&
                    scores.size(0) <= kVoid && scores.size(1) == image.rows &&
                    scores.size(2) == image.cols;
  if (fits) return scores;
  throw DataError(
      str(path,
          ": holds ",
          scores.sizes(),
          "; expected [2 to 255 labels, ",
          image.rows,
          ", ",
          image.cols,
          "], labels first, at the image's size")
  );
}

cv::Mat read_labels(
    const std::string& path, const cv::Mat& image, int64_t count
) {
  const auto mask = data::read_mask(path);
  if (mask.size() == image.size()) {
    for (int y = 0; y < mask.rows; ++y) {
      for (int x = 0; x < mask.cols; ++x) {
        const int64_t label = mask.at<uint8_t>(y, x);
        if (label < count || label == kVoid) continue;
        throw DataError(
            str(path,
                ": label ",
                label,
                " at row ",
                y,
                ", column ",
                x,
                "; --num-labels is ",
                count)
        );
      }
    }
    return mask;
  }
  throw DataError(
      str(path,
          ": is ",
          mask.rows,
          "x",
          mask.cols,
          ", the image ",
          image.rows,
          "x",
          image.cols)
  );
}

void check_energies(const float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (std::abs(values[i]) <= crf::kMostEnergy) continue;
    throw DataError(str("energy ", values[i], "; must be in +-1e20"));
  }
}

Unary read_unary(const Flags& flags, const cv::Mat& image, bool drops_labels) {
  const auto pixels = image.total();
  Unary unary;
  if (flags.has("labels")) {
    const auto path = flags.text("labels");
    const auto count = flags.whole("num-labels");
    const auto mask = read_labels(path, image, count);
    unary.labels = static_cast<size_t>(count);
    unary.energies = torch::empty({count, image.rows, image.cols});
    crf::energies_of_labels(
        mask.data,
        unary.labels,
        pixels,
        flags.number("confidence"),
        unary.data()
    );
    return unary;
  }
  for (const std::string kind : {"logits", "probabilities", "unary"}) {
    if (!flags.has(kind)) continue;
    const auto path = flags.text(kind);
    unary.energies = read_scores(path, image, drops_labels);
    float* values = unary.data();
    unary.labels = static_cast<size_t>(unary.energies.size(0));
    try {
      if (kind == "logits") {
        crf::energies_of_logits(values, unary.labels, pixels, values);
      } else if (kind == "probabilities") {
        crf::energies_of_probabilities(values, unary.labels, pixels, values);
      } else {
        check_energies(values, unary.energies.numel());
      }
    } catch (const DataError& error) {
      throw DataError(str(path, ": ", error.what()));
    }
  }
  return unary;
}

void check_flags(const Flags& flags) {
  flags.number("confidence");
  if (!flags.has("image")) throw ConfigError("--image is not given");
  int given = 0;
  for (const auto* kind : {"logits", "probabilities", "unary", "labels"}) {
    given += flags.has(kind) ? 1 : 0;
  }
  if (given == 1) return;
  throw ConfigError(
      "give one of --logits, --probabilities, --unary and --labels"
  );
}

void check_inference(const Flags& flags) {
  const auto kind = flags.text("inference");
  if (kind != "mean-field" && kind != "gibbs") {
    throw ConfigError(str("--inference ", kind, "; known: mean-field, gibbs"));
  }
  if (kind == "gibbs" && flags.has("steps")) {
    throw ConfigError("--steps are of mean-field, not of --inference gibbs");
  }
}

/// Probabilities [labels, height, width] as --inference says; prints the time.
torch::Tensor infer(
    const Flags& flags,
    const crf::DenseCrf& dense,
    Unary unary,
    const cv::Mat& image
) {
  const auto kind = flags.text("inference");
  const auto start = std::chrono::steady_clock::now();
  torch::Tensor probabilities;
  std::string done;
  if (kind == "gibbs") {
    const auto sweeps = flags.whole("sweeps");
    const auto seed = static_cast<uint64_t>(flags.whole("seed"));
    crf::GibbsSampler sampler(dense, unary.data(), unary.labels, seed);
    for (int64_t i = 0; i < sweeps / 4; ++i) sampler.burn_in();
    for (int64_t i = 0; i < sweeps; ++i) sampler.sample();
    probabilities = torch::tensor(sampler.probabilities());
    done = str(sweeps / 4 + sweeps, " sweeps");
  } else {
    crf::MeanField field(dense, unary.data(), unary.labels);
    // Large images need the memory.
    unary.energies.reset();
    done = str(field.run(), " iterations");
    probabilities =
        torch::empty(static_cast<int64_t>(unary.labels * image.total()));
    field.write_probabilities(probabilities.data_ptr<float>());
  }
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  std::cout << kind << ": " << done << " in " << seconds.count() << " s\n";
  return probabilities.view(
      {static_cast<int64_t>(unary.labels), image.rows, image.cols}
  );
}

/// The image, and the labels at the wanted iterations, side by side.
cv::Mat draw_steps(
    crf::MeanField field, const cv::Mat& image, const std::set<int64_t>& steps
) {
  const auto classes = data::numbered_classes(kVoid);
  cv::Mat strip = image.clone();
  for (const int64_t step : steps) {
    while (field.iterations() < step) field.step();
    const auto labels = field.labels();
    cv::Mat mask(image.rows, image.cols, CV_8UC1);
    std::copy(labels.begin(), labels.end(), mask.data);
    cv::hconcat(strip, colorize(mask, classes), strip);
  }
  return strip;
}

}  // namespace

int crf_post_process(const Arguments& arguments) {
  if (!arguments.empty() && arguments[0] == "tune") {
    return crf_tune({arguments.begin() + 1, arguments.end()});
  }
  Flags flags(
      "crf",
      "Refines the scores of any network by a dense CRF; crf tune chooses its "
      "parameters.",
      "[tune] --image PHOTO --logits X.npy [flags]"
  );
  flags.add_crf();
  auto add = flags.add();
  const auto text = [] { return cxxopts::value<std::string>(); };
  add("image", "the photo that was segmented, JPEG or PNG", text());
  add("logits", "float .npy [labels, H, W], not softmaxed", text());
  add("probabilities", "float .npy [labels, H, W], 0 to 1", text());
  add("unary", "float .npy [labels, H, W], energies: -log p", text());
  add("labels", "mask to start from; void (255) is unknown", text());
  flags.add_whole("num-labels", "labels of that mask", {2, kVoid}, 21);
  add("confidence", "probability that it is right", text()->default_value("0.9")
  );
  add("inference",
      "mean-field, or gibbs: by sampling; engine exact or neighbours",
      text()->default_value("mean-field"));
  flags.add_whole(
      "sweeps", "of gibbs, after a quarter as many that do not count", {1}, 100
  );
  flags.add_whole("seed", "of gibbs", {0}, 0);
  add("steps", "also a picture of these iterations, e.g. 0,1,2,5,10", text());
  add("save",
      "any of mask,overlay,probabilities",
      text()->default_value("mask,overlay"));
  add("out", "folder for the results", text()->default_value("crf"));
  if (!flags.parse(arguments)) return 0;
  check_flags(flags);
  check_inference(flags);
  // A large image's scores make room for the tables, and those for the result.
  return_freed_memory();
  const auto config =
      read_crf_config(flags.has("crf") ? flags.text("crf") : "resnet101");
  const auto options = config.options();
  const auto listed = flags.numbers("steps", 0);
  const std::set<int64_t> steps(listed.begin(), listed.end());
  const auto kinds = flags.list("save");
  for (const auto& kind : kinds) {
    if (kind == "mask" || kind == "overlay" || kind == "probabilities")
      continue;
    throw ConfigError(
        str("--save ", kind, "; known: mask, overlay, probabilities")
    );
  }

  const auto path = flags.text("image");
  const auto image = data::read_image(path);
  auto unary = read_unary(flags, image, options.drop_labels_below > 0);
  const auto raw = rgb_levels(image);
  const crf::DenseCrf dense(
      options, {raw.data_ptr<uint8_t>(), image.rows, image.cols, 3}
  );
  const auto stem =
      flags.text("out") + "/" + std::filesystem::path(path).stem().string();
  if (!steps.empty()) {
    crf::MeanField field(dense, unary.data(), unary.labels);
    data::write_image(
        stem + "_steps.png", draw_steps(std::move(field), image, steps)
    );
  }
  const auto scores = infer(flags, dense, std::move(unary), image);
  const auto labels = to_mask(scores.argmax(0));
  const auto classes = data::numbered_classes(scores.size(0));
  for (const auto& kind : kinds) {
    if (kind == "mask") data::write_mask(stem + "_mask.png", labels, classes);
    if (kind == "overlay") {
      data::write_image(
          stem + "_overlay.png", draw_overlay(image, labels, classes)
      );
    }
    if (kind == "probabilities") {
      data::write_npy(stem + "_probabilities.npy", scores);
    }
  }
  std::cout << flags.text("out") << '\n';
  return 0;
}

}  // namespace deeplab::apps
