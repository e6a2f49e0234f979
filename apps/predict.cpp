// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <set>

#include <torch/types.h>

#include "apps/flags.h"
#include "apps/inference.h"
#include "apps/network_source.h"
#include "apps/overlay.h"
#include "apps/progress.h"
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

bool is_photo(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), ::tolower);
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

/// The photos that files and folders name, in order.
std::vector<std::string> find_photos(const std::vector<std::string>& inputs) {
  std::vector<std::string> photos;
  for (const auto& input : inputs) {
    if (!fs::exists(input)) throw DataError(str(input, ": no such file"));
    if (!fs::is_directory(input)) {
      photos.push_back(input);
      continue;
    }
    std::set<std::string> inside;
    for (const auto& entry : fs::directory_iterator(input)) {
      if (entry.is_regular_file() && is_photo(entry.path())) {
        inside.insert(entry.path().string());
      }
    }
    if (inside.empty()) {
      throw DataError(str(input, ": holds no .jpg, .jpeg or .png"));
    }
    photos.insert(photos.end(), inside.begin(), inside.end());
  }
  return photos;
}

/// Results are named after the photo alone, so two must not share a name.
void check_names(const std::vector<std::string>& photos) {
  std::map<std::string, std::string> seen;
  for (const auto& photo : photos) {
    const auto stem = fs::path(photo).stem().string();
    const auto [other, fresh] = seen.emplace(stem, photo);
    if (!fresh) {
      throw ConfigError(str(
          photo,
          " and ",
          other->second,
          " would share their results' names; predict them into two folders"
      ));
    }
  }
}

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
  check_names(photos);
  const auto limit = memory_limit(flags);
  auto network = open_network(flags);
  network.segmenter =
      inference_of(network.segmenter, network.config.evaluate, limit);
  Predictor predictor(std::move(network), kinds, flags.text("out"));
  const auto processes = join_processes();
  const int64_t share =
      own_share(static_cast<int64_t>(photos.size()), processes);
  std::optional<Progress> progress;
  if (is_first(processes)) progress.emplace("predict", share, 0);
  double failed = 0;
  for (int64_t done = 0; done < share; ++done) {
    const auto& photo =
        photos[static_cast<size_t>(whole_index(done, processes))];
    // One bad photo of a thousand should not cost the others.
    try {
      predictor.predict(photo);
    } catch (const DataError& error) {
      const std::string problem = error.what();
      const bool named = problem.find(photo) != std::string::npos;
      const auto line = str("error: ", named ? "" : photo + ": ", problem);
      if (progress) {
        progress->say(line);
      } else {
        std::cerr << line << '\n';
      }
      ++failed;
    }
    if (progress) progress->update(done + 1, "");
  }
  if (processes) failed = processes->sum(failed);
  if (failed > 0) {
    throw DataError(
        str(failed, " of ", photos.size(), " photos could not be segmented")
    );
  }
  if (is_first(processes)) std::cout << flags.text("out") << '\n';
  return 0;
}

}  // namespace deeplab::apps
