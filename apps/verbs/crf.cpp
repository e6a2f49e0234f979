// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <filesystem>
#include <iostream>
#include <set>

#include <fmt/core.h>
#include <opencv2/core.hpp>
#include <torch/types.h>

#include "apps/cli/flags.h"
#include "apps/cli/verbs.h"
#include "apps/machine/launcher.h"
#include "apps/machine/platform.h"
#include "apps/pictures/overlay.h"
#include "apps/run/crf_scores.h"
#include "apps/run/photos.h"
#include "apps/verbs/config_flags.h"
#include "data/files/image_file.h"
#include "data/files/npy.h"
#include "data/tensors.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/crf/crf_config.h"
#include "deeplab/crf/gibbs.h"
#include "deeplab/crf/mean_field.h"
#include "deeplab/metrics/largest_class.h"

namespace deeplab::apps {
namespace {

/// Returns the kind of scores that the flags give.
std::string check_flags(const Flags& flags) {
  if (!flags.has("image"))
    throw ConfigError("--image is not given; name a photo or a folder");
  std::vector<std::string> given;
  for (const auto* kind : {"logits", "probabilities", "unary", "labels"}) {
    if (flags.has(kind)) given.emplace_back(kind);
  }
  if (given.size() == 1) return given.front();
  throw ConfigError(
      "give exactly one of --logits, --probabilities, --unary and --labels"
  );
}

void check_inference(const Flags& flags) {
  const auto kind = flags.text("inference");
  if (kind != "mean-field" && kind != "gibbs") {
    throw ConfigError(
        fmt::format("--inference {}; known: mean-field, gibbs", kind)
    );
  }
  if (kind == "gibbs" && flags.has("steps")) {
    throw ConfigError("--steps works only with --inference mean-field");
  }
}

struct Refined {
  /// Float [labels, height, width].
  torch::Tensor probabilities;
  /// Text with the number of iterations and the seconds.
  std::string summary;
};

/// Runs the inference method chosen by --inference.
Refined infer(
    const Flags& flags,
    const crf::DenseCrf& dense,
    const crf::Image& image,
    Unary unary
) {
  const auto kind = flags.text("inference");
  const auto start = std::chrono::steady_clock::now();
  torch::Tensor probabilities;
  std::string done;
  if (kind == "gibbs") {
    const auto sweeps = flags.whole("sweeps");
    const auto seed = static_cast<uint64_t>(flags.whole("seed"));
    crf::GibbsSampler sampler(dense, image, unary.data(), unary.labels, seed);
    for (int64_t i = 0; i < sweeps / 4; ++i) sampler.burn_in();
    for (int64_t i = 0; i < sweeps; ++i) sampler.sample();
    probabilities = torch::tensor(sampler.probabilities());
    done = fmt::format("{} sweeps", sweeps / 4 + sweeps);
  } else {
    crf::MeanField field(dense, unary.data(), unary.labels);
    // Frees the energies, because large images need the memory.
    unary.energies.reset();
    done = fmt::format("{} iterations", field.run());
    probabilities =
        torch::empty(static_cast<int64_t>(unary.labels * dense.pixels()));
    field.write_probabilities(probabilities.data_ptr<float>());
  }
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  return {
      probabilities.view(
          {static_cast<int64_t>(unary.labels), image.height, image.width}
      ),
      fmt::format("{}: {} in {} s", kind, done, seconds.count())};
}

/// Returns the image and the labels after each of the given iterations, side by
/// side.
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
        fmt::format("--save {}; known: mask, overlay, probabilities", word)
    );
  }
  return {words.begin(), words.end()};
}

/// Refines photos as the flags ask.
class Refiner {
 public:
  explicit Refiner(const Flags& flags)
      : flags_(flags),
        options_(crf::read_crf_config(
                     flags.has("crf") ? flags.text("crf") : "resnet101"
        )
                     .options()),
        kinds_(parse_kinds(flags.list("save"))) {
    const auto steps = flags.numbers("steps", 0);
    steps_.insert(steps.begin(), steps.end());
    unary_.num_labels = flags.whole("num-labels");
    unary_.confidence = flags.number("confidence");
    unary_.drops_labels = options_.drop_labels_below > 0;
  }

  /// Refines one photo and writes the results. Returns Refined::summary.
  std::string refine(const std::string& photo, const ScoresFile& file) const {
    const auto stem =
        flags_.text("out") + "/" + std::filesystem::path(photo).stem().string();
    check_results(stem, file);
    const auto image = data::read_image(photo);
    auto unary = read_unary(file, image, unary_);
    const auto raw = data::to_pixels(image);
    const crf::Image pixels{raw.data_ptr<uint8_t>(), image.rows, image.cols, 3};
    const crf::DenseCrf dense(options_, pixels);
    if (!steps_.empty()) {
      crf::MeanField field(dense, unary.data(), unary.labels);
      data::write_image(
          stem + "_steps.png", draw_steps(std::move(field), image, steps_)
      );
    }
    const auto refined = infer(flags_, dense, pixels, std::move(unary));
    save(refined.probabilities, image, stem);
    return refined.summary;
  }

 private:
  static std::string path_of(const std::string& stem, const std::string& kind) {
    return stem + "_" + kind + (kind == "probabilities" ? ".npy" : ".png");
  }

  /// Throws: ConfigError if a result would overwrite the file of scores.
  void check_results(const std::string& stem, const ScoresFile& file) const {
    for (const auto& kind : kinds_) {
      std::error_code missing;
      if (!std::filesystem::equivalent(
              path_of(stem, kind), file.path, missing
          )) {
        continue;
      }
      throw ConfigError(fmt::format(
          "{}: a result would overwrite this file; give another --out",
          file.path
      ));
    }
  }

  void save(
      const torch::Tensor& scores, const cv::Mat& image, const std::string& stem
  ) const {
    const auto labels = data::to_mask(metrics::largest_class(scores));
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

/// Refines all photos of a folder. Returns true in the first of the processes
/// that share the work.
bool refine_folder(
    const Refiner& refiner, const ScoresFile& folder, const std::string& photos
) {
  const auto scores = find_scores(folder.kind, folder.path, photos);
  std::vector<Photo> scored;
  for (const auto& [photo, file] : scores) scored.push_back({photo, file});
  const auto processes = join_processes();
  for_each_photo("crf", scored, processes, [&](const Photo& photo) {
    refiner.refine(photo.path, {folder.kind, scores.at(photo.path)});
  });
  return is_first(processes);
}

void add_flags(Flags& flags) {
  add_crf_flag(flags);
  auto add = flags.add();
  const auto text = [] { return cxxopts::value<std::string>(); };
  add("image",
      "Photo that was segmented (JPEG or PNG), or a folder of photos. For a folder, the scores are a folder too, with NAME.npy or NAME_logits.npy for the photo NAME.",
      text());
  add("logits", "Scores before the softmax: float .npy [labels, H, W].",
      text());
  add("probabilities", "Probabilities in 0..1: float .npy [labels, H, W].",
      text());
  add("unary", "Unary energies, -log p: float .npy [labels, H, W].", text());
  add("labels", "Mask with the initial labels; 255 (void) means unknown.",
      text());
  flags.add_whole(
      "num-labels", "Number of labels in the mask of --labels.", {2, kVoid}, 21
  );
  add("confidence", "Probability that a pixel of the mask is right.",
      text()->default_value("0.9"));
  add("inference",
      "Inference method: mean-field, or gibbs (sampling; needs engine exact, or neighbours above 0).",
      text()->default_value("mean-field"));
  flags.add_whole(
      "sweeps",
      "Number of counted sweeps of Gibbs sampling; a quarter as many run before them and are not counted.",
      {1}, 100
  );
  flags.add_whole("seed", "Seed of Gibbs sampling.", {0}, 0);
  add("steps",
      "Also write a picture of the labels after these iterations, e.g. 0,1,2,5,10.",
      text());
  add("save", "Outputs to write, any of mask,overlay,probabilities.",
      text()->default_value("mask,overlay"));
  add("out", "Folder for the results.", text()->default_value("crf"));
}

/// Throws: DataError for a file that is missing; ConfigError if only one of the
///         two is a folder.
void check_paths(const std::string& photo, const ScoresFile& scores) {
  for (const auto& path : {photo, scores.path}) {
    if (!std::filesystem::exists(path)) {
      throw DataError(path + ": no such file");
    }
  }
  const bool is_folder = std::filesystem::is_directory(photo);
  if (std::filesystem::is_directory(scores.path) == is_folder) return;
  throw ConfigError(fmt::format(
      "--image {} and --{} {}: one is a folder, the other is not", photo,
      scores.kind, scores.path
  ));
}

}  // namespace

int crf_post_process(const Arguments& arguments) {
  if (!arguments.empty() && arguments[0] == "tune") {
    return crf_tune({arguments.begin() + 1, arguments.end()});
  }
  Flags flags(
      "crf",
      "Refines the scores of any network with a dense CRF. crf tune chooses its parameters.",
      "[tune] --image PHOTO|FOLDER --logits X.npy|FOLDER [flags]"
  );
  add_flags(flags);
  if (!flags.parse(arguments)) return 0;
  const auto kind = check_flags(flags);
  check_inference(flags);
  const Refiner refiner(flags);
  const auto photo = flags.text("image");
  const ScoresFile scores{kind, flags.text(kind)};
  check_paths(photo, scores);
  if (std::filesystem::is_directory(photo)) {
    if (!refine_folder(refiner, scores, photo)) return 0;
  } else {
    // For a large image, freed scores must make room for the CRF's tables, and
    // the freed tables for the result.
    return_freed_memory();
    std::cout << refiner.refine(photo, scores) << '\n';
  }
  std::cout << flags.text("out") << '\n';
  return 0;
}

}  // namespace deeplab::apps
