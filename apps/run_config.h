// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/crf_config.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "deeplab/core/config_io.h"
#include "deeplab/core/output_stride.h"
#include "deeplab/engine/inference.h"
#include "deeplab/engine/train_config.h"
#include "deeplab/model/deeplab_config.h"

namespace deeplab::apps {

/// How to score, as config key `evaluate`. A training's own validations take
/// `output_stride`, `window` and `overlap` alone.
struct EvaluateConfig {
  /// Unset: the stride of training.
  std::optional<int64_t> output_stride;
  /// Sizes of the image, each a pass; the result is the mean of probabilities.
  std::vector<double> scales = {1};
  /// Each pass also with the image mirrored left to right.
  bool flip = false;
  /// How a scaled image is sized: "tensorflow", as in the papers, or "pytorch".
  std::string sizing = "tensorflow";
  /// Height and width of the largest piece that the network sees at once;
  /// empty: whole images.
  std::vector<int64_t> window;
  /// Share of a piece that its neighbour covers too.
  double overlap = 1.0 / 3;
  /// Widths, in pixels, of bands around boundaries to score by themselves.
  std::vector<int64_t> trimap;
  /// A CRF after the network; also given by a name or file (read_crf_config()).
  std::optional<CrfConfig> crf;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("output_stride", output_stride);
    visit("scales", scales);
    visit("flip", flip);
    visit("sizing", sizing);
    visit("window", window);
    visit("overlap", overlap);
    visit("trimap", trimap);
    visit("crf", crf);
  }

  /// Throws: ConfigError naming the first key that breaks a rule.
  engine::InferenceOptions inference() const;
};

/// What a training writes beside its checkpoints and metrics.jsonl, as config
/// key `log`. No result depends on it.
struct LogConfig {
  /// Event files for TensorBoard in the run's folder tensorboard/.
  bool tensorboard = true;
  /// Validation images whose predictions it gets.
  int64_t images = 4;
  /// At each validation, how all weights are spread.
  bool histograms = false;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("tensorboard", tensorboard);
    visit("images", images);
    visit("histograms", histograms);
  }
};

/// All that describes a run; what `--config` reads and a run writes back.
struct RunConfig {
  model::DeepLabConfig model;
  data::DataConfig data;
  data::AugmentConfig augment;
  engine::TrainConfig train;
  EvaluateConfig evaluate;
  LogConfig log;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("model", model);
    visit("data", data);
    visit("augment", augment);
    visit("train", train);
    visit("evaluate", evaluate);
    visit("log", log);
  }

  data::Normalization normalization() const { return {data.mean, data.std}; }
  OutputStride train_stride() const;
  OutputStride evaluate_stride() const;
};

/// Reads a run's config. `protocol` may name one of protocols(), whose values
/// the other keys change. `model` may be the name of a preset, or hold it as
/// `model.preset`: then the preset's network, normalisation and training
/// stride are the defaults that the other keys change.
/// Throws: ConfigError as read_config() does, or for an unknown preset.
RunConfig read_run_config(const Json& json);

/// Sets `config["a"]["b"]` for the key "a.b".
void set_key(Json& config, const std::string& key, const Json& value);

/// The full keys, "a.b", at which two configs differ.
std::vector<std::string> differing_keys(const Json& one, const Json& other);

/// Checks what can be checked without opening the data set.
/// `processes` share each batch.
/// Throws: ConfigError naming the first key that breaks a rule.
void validate(const RunConfig& config, int64_t num_classes, int64_t processes);
/// The same for one process.
void validate(const RunConfig& config, int64_t num_classes);

/// Writes the names and colors that a data set turned out to have into the
/// config, so that it describes itself wherever it is stored.
void record_classes(RunConfig& config, const data::Classes& classes);

}  // namespace deeplab::apps
