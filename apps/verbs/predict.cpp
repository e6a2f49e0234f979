// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
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
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/crf/post_process.h"
#include "deeplab/engine/evaluator.h"
#include "deeplab/metrics/largest_class.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

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

class Predictor {
 public:
  Predictor(
      NetworkSource network, std::set<std::string> kinds, std::string folder
  )
      : network_(std::move(network)),
        kinds_(std::move(kinds)),
        folder_(std::move(folder)) {
    const auto& crf = network_.config.evaluate.crf;
    if (crf) crf_ = crf->options();
  }

  void predict(const std::string& photo) {
    const auto image = data::read_image(photo);
    const auto input =
        data::to_tensor(image, network_.config.normalization()).unsqueeze(0);
    const auto logits = network_.segmenter(input).squeeze(0).cpu();
    engine::require_finite(logits, photo);
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
    const auto stem = folder_ + "/" + fs::path(photo).stem().string();
    const auto wanted = [&](const char* kind) {
      return kinds_.count(kind) > 0;
    };
    if (wanted("mask")) {
      data::write_mask(stem + "_mask.png", labels, network_.classes);
    }
    if (wanted("overlay")) {
      data::write_image(
          stem + "_overlay.png", draw_overlay(image, labels, network_.classes)
      );
    }
    if (wanted("logits")) data::write_npy(stem + "_logits.npy", logits);
    if (wanted("probabilities")) {
      data::write_npy(
          stem + "_probabilities.npy", crf_ ? scores : logits.softmax(0)
      );
    }
  }

 private:
  NetworkSource network_;
  std::set<std::string> kinds_;
  std::string folder_;
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
  if (!flags.parse(arguments)) return 0;
  if (!flags.has("inputs")) {
    throw ConfigError("no photos: name files or folders");
  }

  const auto kinds = parse_kinds(flags.list("save"));
  const auto photos =
      find_photos(flags.get<std::vector<std::string>>("inputs"));
  const auto limit = network_flags.config().memory_limit();
  auto network = open_network(network_flags.request());
  network.segmenter = inference_of(network.segmenter, network.config, limit);
  Predictor predictor(std::move(network), kinds, flags.text("out"));
  const auto processes = join_processes();
  for_each_photo("predict", photos, processes, [&](size_t index) {
    predictor.predict(photos[index]);
  });
  if (is_first(processes)) std::cout << flags.text("out") << '\n';
  return 0;
}

}  // namespace deeplab::apps
