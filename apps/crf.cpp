// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <filesystem>
#include <iostream>
#include <set>

#include <opencv2/core.hpp>
#include <torch/types.h>

#include "apps/crf_config.h"
#include "apps/crf_scores.h"
#include "apps/flags.h"
#include "apps/overlay.h"
#include "apps/photos.h"
#include "apps/platform.h"
#include "apps/verbs.h"
#include "apps/world.h"
#include "data/image_file.h"
#include "data/npy.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/crf/gibbs.h"
#include "deeplab/crf/mean_field.h"

namespace deeplab::apps {
namespace {

/// The kind of scores that the flags give.
std::string check_flags(const Flags& flags) {
  if (!flags.has("image")) throw ConfigError("--image is not given");
  std::vector<std::string> given;
  for (const auto* kind : {"logits", "probabilities", "unary", "labels"}) {
    if (flags.has(kind)) given.emplace_back(kind);
  }
  if (given.size() == 1) return given.front();
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

struct Refined {
  /// [labels, height, width]
  torch::Tensor probabilities;
  /// What it took, in words.
  std::string told;
};

/// As --inference says.
Refined infer(
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
  return {
      probabilities.view(
          {static_cast<int64_t>(unary.labels), image.rows, image.cols}
      ),
      str(kind, ": ", done, " in ", seconds.count(), " s")};
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

std::set<std::string> parse_kinds(const std::vector<std::string>& words) {
  for (const auto& word : words) {
    if (word == "mask" || word == "overlay" || word == "probabilities")
      continue;
    throw ConfigError(
        str("--save ", word, "; known: mask, overlay, probabilities")
    );
  }
  return {words.begin(), words.end()};
}

/// Refines photo after photo by what the flags say.
class Refiner {
 public:
  explicit Refiner(const Flags& flags)
      : flags_(flags),
        options_(
            read_crf_config(flags.has("crf") ? flags.text("crf") : "resnet101")
                .options()
        ),
        kinds_(parse_kinds(flags.list("save"))) {
    const auto steps = flags.numbers("steps", 0);
    steps_.insert(steps.begin(), steps.end());
    unary_.num_labels = flags.whole("num-labels");
    unary_.confidence = flags.number("confidence");
    unary_.drops_labels = options_.drop_labels_below > 0;
  }

  /// Returns what it took, in words.
  std::string refine(const std::string& photo, const ScoresFile& file) const {
    const auto stem =
        flags_.text("out") + "/" + std::filesystem::path(photo).stem().string();
    check_results(stem, file);
    const auto image = data::read_image(photo);
    auto unary = read_unary(file, image, unary_);
    const auto raw = rgb_levels(image);
    const crf::DenseCrf dense(
        options_, {raw.data_ptr<uint8_t>(), image.rows, image.cols, 3}
    );
    if (!steps_.empty()) {
      crf::MeanField field(dense, unary.data(), unary.labels);
      data::write_image(
          stem + "_steps.png", draw_steps(std::move(field), image, steps_)
      );
    }
    const auto refined = infer(flags_, dense, std::move(unary), image);
    save(refined.probabilities, image, stem);
    return refined.told;
  }

 private:
  static std::string path_of(const std::string& stem, const std::string& kind) {
    return stem + "_" + kind + (kind == "probabilities" ? ".npy" : ".png");
  }

  /// What was read is not written over.
  void check_results(const std::string& stem, const ScoresFile& file) const {
    for (const auto& kind : kinds_) {
      std::error_code missing;
      if (!std::filesystem::equivalent(
              path_of(stem, kind), file.path, missing
          )) {
        continue;
      }
      throw ConfigError(
          str(file.path, ": a result would take its place; give another --out")
      );
    }
  }

  void save(
      const torch::Tensor& scores, const cv::Mat& image, const std::string& stem
  ) const {
    const auto labels = to_mask(scores.argmax(0));
    const auto classes = data::numbered_classes(scores.size(0));
    for (const auto& kind : kinds_) {
      const auto path = path_of(stem, kind);
      if (kind == "mask") data::write_mask(path, labels, classes);
      if (kind == "overlay") {
        data::write_image(path, draw_overlay(image, labels, classes));
      }
      if (kind == "probabilities") data::write_npy(path, scores);
    }
  }

  const Flags& flags_;
  crf::DenseCrfOptions options_;
  std::set<std::string> kinds_;
  std::set<int64_t> steps_;
  UnaryOptions unary_;
};

/// Returns whether this process is the first of those that share the work.
bool refine_folder(
    const Refiner& refiner, const ScoresFile& folder, const std::string& photos
) {
  const auto scores = find_scores(folder.kind, folder.path, photos);
  std::vector<std::string> scored;
  for (const auto& [photo, file] : scores) scored.push_back(photo);
  const auto processes = join_processes();
  for_each_photo("crf", scored, processes, [&](size_t index) {
    const auto& photo = scored[index];
    refiner.refine(photo, {folder.kind, scores.at(photo)});
  });
  return is_first(processes);
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
      "[tune] --image PHOTO|FOLDER --logits X.npy|FOLDER [flags]"
  );
  flags.add_crf();
  auto add = flags.add();
  const auto text = [] { return cxxopts::value<std::string>(); };
  add("image",
      "the photo that was segmented, JPEG or PNG, or a folder of them; then "
      "scores are a folder too, NAME.npy or NAME_logits.npy of photo NAME",
      text());
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
  const auto kind = check_flags(flags);
  check_inference(flags);
  const Refiner refiner(flags);
  const auto photo = flags.text("image");
  const ScoresFile scores{kind, flags.text(kind)};
  for (const auto& path : {photo, scores.path}) {
    if (!std::filesystem::exists(path)) {
      throw DataError(path + ": no such file");
    }
  }
  const bool is_folder = std::filesystem::is_directory(photo);
  if (std::filesystem::is_directory(scores.path) != is_folder) {
    throw ConfigError(
        str("--image ",
            photo,
            " and --",
            kind,
            ' ',
            scores.path,
            ": one is a folder, the other is not")
    );
  }
  if (is_folder) {
    if (!refine_folder(refiner, scores, photo)) return 0;
  } else {
    // A large image's scores make room for the tables, and those for the
    // result.
    return_freed_memory();
    std::cout << refiner.refine(photo, scores) << '\n';
  }
  std::cout << flags.text("out") << '\n';
  return 0;
}

}  // namespace deeplab::apps
