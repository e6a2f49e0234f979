// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "apps/config/config_request.h"
#include "deeplab/core/segmenter.h"
#include "deeplab/model/torchscript.h"

namespace deeplab::apps {

/// A network from a file, ready to segment, and what is known of it.
struct NetworkSource {
  /// Takes images on any device; scores come back on the CPU's side or the
  /// device's, as the network gives them.
  Segmenter segmenter;
  /// The run that made it, or the flags' config.
  RunConfig config;
  /// Empty where nobody named them (a TorchScript file).
  Classes classes;
  /// The file.
  std::string name;
};

/// A network from a file, to be changed or written.
struct NetworkFile {
  model::DeepLab network{nullptr};
  /// At evaluate_stride() stands the network.
  RunConfig config;
  Classes classes;
  std::string name;
};

/// Which network is asked for. One of checkpoint, torchscript, and weights in
/// the config (train.init_from) must be given.
struct NetworkRequest {
  /// File that `deeplab train` wrote; empty if there is none.
  std::string checkpoint;
  /// TorchScript file; empty if there is none.
  std::string torchscript;
  /// Size to which images are resized for a TorchScript file.
  std::optional<ImageSize> resize;
  torch::Device device = torch::kCPU;
  /// Changes to the config that the file brings.
  ConfigRequest config;
};

/// Opens a checkpoint, or a config with weights.
/// Throws: as open_network().
NetworkFile open_network_file(const NetworkRequest& request);

/// Opens the network that is asked for, ready to segment.
/// Throws: ConfigError if none or several are asked for; DataError naming the
///         file if it does not fit.
NetworkSource open_network(const NetworkRequest& request);

/// The TorchScript file of train.teacher, whose scores a network learns; it
/// gives logits, or logarithms of probabilities.
/// Throws: as model::load_torchscript(), and DataError for one of our exports
///         with other classes or another normalisation; from the segmenter too,
///         where it scores another number of classes.
Segmenter open_teacher(
    const RunConfig& config, const Classes& classes, torch::Device device
);

/// Returns the network of a checkpoint at one output stride.
Segmenter open_checkpoint(
    const std::string& path, OutputStride stride, torch::Device device
);

}  // namespace deeplab::apps
