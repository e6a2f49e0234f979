// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>
#include <optional>
#include <set>

#include <torch/types.h>

#include "apps/flags.h"
#include "apps/inference.h"
#include "apps/network_source.h"
#include "apps/overlay.h"
#include "apps/photos.h"
#include "apps/verbs.h"
#include "apps/world.h"
#include "data/image_file.h"
#include "data/npy.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/crf/post_process.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

std::set<std::string> parse_kinds(const std::vector<std::string>& words) {
  const std::set<std::string> known{
      "mask", "overlay", "logits", "probabilities"};
  for (const auto& word : words) {
    if (known.count(word) > 0) continue;
    throw ConfigError(
        str("--save ", word, "; known: mask, overlay, logits, probabilities")
    );
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
    if (logits.size(0) > kVoid) {
      throw DataError(
          str(network_.name,
              ": scores ",
              logits.size(0),
              " classes; a mask can hold ",
              kVoid)
      );
    }
    if (network_.classes.size() == 0) {
      network_.classes = data::numbered_classes(logits.size(0));
    }
    if (logits.size(0) != network_.classes.size()) {
      throw ConfigError(
          str(network_.name,
              " scores ",
              logits.size(0),
              " classes; ",
              network_.classes.size(),
              " are named")
      );
    }
    const auto scores = crf_ ? with_crf(logits, image) : logits;
    const auto labels = to_mask(scores.argmax(0));
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
  torch::Tensor with_crf(const torch::Tensor& logits, const cv::Mat& image)
      const {
    return crf::post_process(
               logits.unsqueeze(0), rgb_levels(image).unsqueeze(0), *crf_
    )
        .squeeze(0);
  }

  NetworkSource network_;
  std::set<std::string> kinds_;
  std::string folder_;
  std::optional<crf::DenseCrfOptions> crf_;
};

}  // namespace

int predict(const Arguments& arguments) {
  Flags flags(
      "predict",
      "Segments photos.",
      "PHOTO|FOLDER... --checkpoint FILE | --torchscript FILE | --config FILE "
      "--init-from FILE"
  );
  add_network(flags);
  flags.add_inference();
  flags.take_positional("inputs");
  auto add = flags.add();
  add("out",
      "folder for the results",
      cxxopts::value<std::string>()->default_value("predictions"));
  add("save",
      "any of mask,overlay,logits,probabilities",
      cxxopts::value<std::string>()->default_value("mask,overlay"));
  if (!flags.parse(arguments)) return 0;
  if (!flags.has("inputs")) {
    throw ConfigError("no photos: name files or folders");
  }

  const auto kinds = parse_kinds(flags.list("save"));
  const auto photos =
      find_photos(flags.get<std::vector<std::string>>("inputs"));
  const auto limit = memory_limit(flags);
  auto network = open_network(flags);
  network.segmenter =
      inference_of(network.segmenter, network.config.evaluate, limit);
  Predictor predictor(std::move(network), kinds, flags.text("out"));
  const auto processes = join_processes();
  for_each_photo("predict", photos, processes, [&](size_t index) {
    predictor.predict(photos[index]);
  });
  if (is_first(processes)) std::cout << flags.text("out") << '\n';
  return 0;
}

}  // namespace deeplab::apps
