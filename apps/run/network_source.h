// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "apps/config/config_request.h"
#include "deeplab/core/segmenter.h"
#include "deeplab/model/torchscript.h"

namespace deeplab::apps {

/// A network that was read from a file and is ready to segment images.
struct NetworkSource {
  /// Takes images on any device. The scores are on the network's device.
  Segmenter segmenter;
  /// The config of the run that trained the network, with the changes of the
  /// command line.
  RunConfig config;
  /// Empty if a TorchScript file does not name its classes.
  Classes classes;
  /// Path of the file.
  std::string name;
};

/// A network that was read from a file, as a module that can be exported.
struct NetworkFile {
  /// Its output stride is evaluate_stride() of the config.
  model::DeepLab network{nullptr};
  RunConfig config;
  Classes classes;
  /// Path of the file.
  std::string name;
};

/// Says which network to open: exactly one of a checkpoint, a TorchScript file,
/// and a config with weights (train.init_from).
struct NetworkRequest {
  /// File that `deeplab train` wrote, or the folder of a run, of which the best
  /// checkpoint is meant; empty if there is none.
  std::string checkpoint;
  /// TorchScript file; empty if there is none.
  std::string torchscript;
  /// Size to which images are resized for a TorchScript file.
  std::optional<ImageSize> resize;
  /// See model::ScriptUse.
  std::optional<int64_t> multiple_of;
  model::ScoreKind scores = model::ScoreKind::kDetect;
  torch::Device device = torch::kCPU;
  /// Changes to the config that the file brings.
  ConfigRequest config;
};

/// Opens a checkpoint, or a config with weights.
/// Throws: the same as open_network().
NetworkFile open_network_file(const NetworkRequest& request);

/// Opens the network of a request.
/// Throws: ConfigError if the request names no network, or several; DataError
///         naming the file if its weights do not fit the network.
NetworkSource open_network(const NetworkRequest& request);

/// Opens the teacher network, the TorchScript file of train.teacher. The
/// segmenter returns logits, or logarithms of probabilities.
/// Throws: the same as model::load_torchscript(); DataError if the file was
///         exported by this program with other classes or another
///         normalisation; from the segmenter, DataError if it scores another
///         number of classes.
Segmenter open_teacher(
    const RunConfig& config, const Classes& classes, torch::Device device
);

/// Returns the network of a checkpoint, as the config evaluates it.
/// Throws: the same as engine::open_checkpoint() and compiled().
Segmenter open_checkpoint(
    const std::string& path, const RunConfig& config, torch::Device device
);

}  // namespace deeplab::apps
