// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/augment.h"
#include "data/dataset/dataset.h"
#include "deeplab/core/config_io.h"
#include "deeplab/core/output_stride.h"
#include "deeplab/crf/crf_config.h"
#include "deeplab/engine/inference.h"
#include "deeplab/engine/train_config.h"
#include "deeplab/model/deeplab_config.h"

namespace deeplab::apps {

/// Settings of an evaluation, config key `evaluate`. The validations of a
/// training use only `output_stride`, `precision`, `batch_size`, `window` and
/// `overlap`. In this file,
/// fields() says what each key is for.
struct EvaluateConfig {
  std::optional<int64_t> output_stride;
  std::string precision = "float32";
  int64_t batch_size = 1;
  std::vector<double> scales = {1};
  bool flip = false;
  std::string sizing = "centres";
  std::vector<int64_t> window;
  double overlap = 1.0 / 3;
  std::vector<int64_t> trimap;
  std::optional<crf::CrfConfig> crf;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit(
        "output_stride", output_stride, output_strides(),
        "Output stride of the network in evaluation; null: train.output_stride.",
        "Chen et al. 2017, arXiv:1706.05587, section 4.1"
    );
    visit(
        "precision", precision, one_of({"float32", "bfloat16", "float16"}),
        "Type of the network's weights and feature maps in evaluation; float16 needs CUDA. Sums and scores are float32."
    );
    visit(
        "batch_size", batch_size, between(1, 1024),
        "Number of consecutive images of one size, or of pieces of an image, that the network works on together."
    );
    visit(
        "scales", scales, between(0.1, 10).non_empty(),
        "Factors on the image's size, each a pass of its own; the result is the mean of the probabilities.",
        "Chen et al. 2017, arXiv:1706.05587, section 4.1"
    );
    visit(
        "flip", flip,
        "Whether each pass is repeated with the image mirrored left to right.",
        "Chen et al. 2017, arXiv:1706.05587, section 4.1"
    );
    visit(
        "sizing", sizing, one_of({"centres", "tensorflow", "pytorch"}),
        "How a scaled image is sized: (side - 1) * scale + 1, rounded down, with pixel k at k / scale of the image (centres) or with aligned corners (tensorflow, as in the papers), or round(side * scale) with aligned edges (pytorch)."
    );
    visit(
        "window", window, between(16, 65536),
        "Height and width of the largest piece that the network sees at once. Empty: whole images."
    );
    visit(
        "overlap", overlap, between(0, 0.9),
        "Fraction of a piece that its neighbour covers too."
    );
    visit(
        "trimap", trimap, between(1, 999),
        "Widths, in pixels, of bands around boundaries that are scored by themselves.",
        "Chen et al. 2018, arXiv:1802.02611, section 4.4"
    );
    visit(
        "crf", crf,
        "Dense CRF after the network: its keys, the name resnet101, vgg16 or short-range, or a JSON file; null: none.",
        "Chen et al. 2014, arXiv:1412.7062, section 3.2"
    );
  }

  /// Throws: ConfigError naming the first key that breaks a rule.
  engine::InferenceOptions inference() const;
};

/// Settings of what a training writes besides checkpoints and metrics.jsonl,
/// config key `log`. No result depends on it.
struct LogConfig {
  bool tensorboard = true;
  int64_t images = 4;
  bool histograms = false;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit(
        "tensorboard", tensorboard,
        "Whether TensorBoard's event files are written, to the run's folder tensorboard/."
    );
    visit(
        "images", images, between(0, 10000),
        "Number of validation images whose predictions TensorBoard shows."
    );
    visit(
        "histograms", histograms,
        "Whether TensorBoard shows the distribution of every weight at each validation."
    );
  }
};

/// Everything that describes a run. `--config` reads it, and a run writes it
/// back.
struct RunConfig {
  model::DeepLabConfig model;
  data::DataConfig data;
  data::AugmentConfig augment;
  engine::TrainConfig train;
  EvaluateConfig evaluate;
  LogConfig log;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("model", model, "The network, or the name of a preset.");
    visit("data", data, "Where images come from.");
    visit("augment", augment, "How training images are varied.");
    visit("train", train, "How to train.");
    visit("evaluate", evaluate, "How to score.");
    visit("log", log, "What a training writes besides its checkpoints.");
  }

  Normalization normalization() const { return {data.mean, data.std}; }
  OutputStride train_stride() const;
  OutputStride evaluate_stride() const;
  /// Returns the options of `evaluate` for this network.
  /// Throws: ConfigError naming the first key that breaks a rule.
  engine::InferenceOptions inference() const;
};

/// Renames keys that older versions wrote, and turns a single value of
/// data.void into a list. A config that is merged from several
/// sources needs this for each of them.
Json rename_former_keys(Json config);

/// Reads a run's config. `protocol` may name one of protocols(); other keys
/// override its values. `model` may be the name of a preset, or contain it as
/// `model.preset`. Then the preset's network, normalisation and training stride
/// are the defaults, which other keys override.
/// Throws: ConfigError as read_config() does, or if the preset is unknown.
RunConfig read_run_config(const Json& json);

/// Sets `config["a"]["b"]` for the key "a.b".
void set_key(Json& config, const std::string& key, const Json& value);

/// Returns the full keys, "a.b", in which two configs differ.
std::vector<std::string> differing_keys(const Json& one, const Json& other);

/// Checks everything that can be checked without opening the data set.
/// `processes` is the number of processes that share each batch.
/// Throws: ConfigError naming the first key that breaks a rule.
void validate(const RunConfig& config, int64_t num_classes, int64_t processes);
/// The same for one process.
void validate(const RunConfig& config, int64_t num_classes);

/// Writes the names, colors and mask values of a data set's classes into the
/// config, so that a stored config is complete without the data set.
void record_classes(RunConfig& config, const Classes& classes);

}  // namespace deeplab::apps
