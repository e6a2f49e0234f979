// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <optional>
#include <set>

#include <fmt/core.h>
#include <torch/types.h>

#include "apps/cli/flags.h"
#include "apps/cli/verbs.h"
#include "apps/machine/launcher.h"
#include "apps/pictures/overlay.h"
#include "apps/run/inference.h"
#include "apps/run/network_source.h"
#include "apps/run/photos.h"
#include "apps/verbs/network_flags.h"
#include "data/files/image_file.h"
#include "data/files/npy.h"
#include "data/tensors.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"
#include "deeplab/core/sample.h"
#include "deeplab/crf/post_process.h"
#include "deeplab/engine/evaluator.h"
#include "deeplab/metrics/largest_class.h"

namespace deeplab::apps {
namespace {

std::set<std::string> parse_kinds(const std::vector<std::string>& words) {
  const std::set<std::string> known{
      "mask", "overlay", "logits", "probabilities"};
  for (const auto& word : words) {
    if (known.count(word) > 0) continue;
    throw ConfigError(fmt::format(
        "--save {}; known: mask, overlay, logits, probabilities", word
    ));
  }
  return {words.begin(), words.end()};
}

/// Returns true if masks shall have the data set's own values.
bool parse_mask_values(const std::string& word) {
  if (word == "set") return true;
  if (word == "class") return false;
  throw ConfigError(unknown_name("--mask-values", word, {"set", "class"}));
}

/// What to write for each photo.
struct Outputs {
  explicit Outputs(const Flags& flags)
      : kinds(parse_kinds(flags.list("save"))),
        folder(flags.text("out")),
        has_set_values(parse_mask_values(flags.text("mask-values"))) {}

  std::set<std::string> kinds;
  std::string folder;
  /// Whether masks have the data set's own values.
  bool has_set_values;
};

class Predictor {
 public:
  Predictor(NetworkSource network, Outputs outputs)
      : network_(std::move(network)), outputs_(std::move(outputs)) {
    const auto& crf = network_.config.evaluate.crf;
    if (crf) crf_ = crf->options();
  }

  void predict(const Photo& photo) {
    const auto image = data::read_image(photo.path);
    const auto input =
        data::to_tensor(image, network_.config.normalization()).unsqueeze(0);
    const auto logits = network_.segmenter(input).squeeze(0).cpu();
    engine::require_finite(logits, photo.path);
    if (logits.size(0) > kVoid) {
      throw DataError(fmt::format(
          "{}: has scores for {} classes; a mask can hold at most {}",
          network_.name, logits.size(0), kVoid
      ));
    }
    if (network_.classes.size() == 0) {
      network_.classes = data::numbered_classes(logits.size(0));
    }
    if (logits.size(0) != network_.classes.size()) {
      throw ConfigError(fmt::format(
          "{}: has scores for {} classes, but {} class names are given; correct --classes",
          network_.name, logits.size(0), network_.classes.size()
      ));
    }
    const auto scores =
        crf_ ? crf::refine(logits, data::to_pixels(image), *crf_) : logits;
    const auto labels = data::to_mask(metrics::largest_class(scores));
    const auto stem = outputs_.folder + "/" + photo.name;
    const auto wanted = [&](const char* kind) {
      return outputs_.kinds.count(kind) > 0;
    };
    if (wanted("mask")) {
      const auto path = stem + "_mask.png";
      if (outputs_.has_set_values) {
        data::write_mask_values(path, labels, network_.classes);
      } else {
        data::write_mask(path, labels, network_.classes);
      }
    }
    if (wanted("overlay")) {
      data::write_image(
          stem + "_overlay.png", draw_overlay(image, labels, network_.classes)
      );
      write_legend();
    }
    if (wanted("logits")) data::write_npy(stem + "_logits.npy", logits);
    if (wanted("probabilities")) {
      data::write_npy(
          stem + "_probabilities.npy", crf_ ? scores : logits.softmax(0)
      );
    }
  }

 private:
  /// Writes the names that overlays cannot show, once.
  void write_legend() {
    const auto text = legend_text(network_.classes);
    if (text.empty() || wrote_legend_) return;
    wrote_legend_ = true;
    write_file(outputs_.folder + "/classes.txt", text);
  }

  NetworkSource network_;
  Outputs outputs_;
  bool wrote_legend_ = false;
  std::optional<crf::DenseCrfOptions> crf_;
};

}  // namespace

int predict(const Arguments& arguments) {
  Flags flags(
      "predict", "Segments photos.",
      "PHOTO|FOLDER... --checkpoint FILE | --torchscript FILE | --config FILE --init-from FILE"
  );
  NetworkFlags network_flags(flags);
  network_flags.config().add_inference();
  flags.take_positional("inputs");
  auto add = flags.add();
  add("out", "Folder for the results.",
      cxxopts::value<std::string>()->default_value("predictions"));
  add("save", "Outputs to write, any of mask,overlay,logits,probabilities.",
      cxxopts::value<std::string>()->default_value("mask,overlay"));
  add("mask-values",
      "Values of masks: those of the data set's own masks (set), which its benchmark's server takes, or class numbers (class).",
      cxxopts::value<std::string>()->default_value("set"));
  add("recursive", "Also segment the photos in sub-folders.");
  if (!flags.parse(arguments)) return 0;
  if (!flags.has("inputs")) {
    throw ConfigError("no photos: name files or folders");
  }

  const Outputs outputs(flags);
  const auto photos = find_photos(
      flags.words("inputs"), {flags.has("recursive"), outputs.folder}
  );
  const auto limit = network_flags.config().memory_limit();
  auto network = open_network(network_flags.request());
  network.segmenter = inference_of(network.segmenter, network.config, limit);
  Predictor predictor(std::move(network), outputs);
  const auto processes = join_processes();
  for_each_photo("predict", photos, processes, [&](const Photo& photo) {
    predictor.predict(photo);
  });
  if (is_first(processes)) std::cout << flags.text("out") << '\n';
  return 0;
}

}  // namespace deeplab::apps
