// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "apps/flags.h"
#include "apps/run_config.h"
#include "deeplab/model/segmenter.h"

namespace deeplab::apps {

/// A network from a file, ready to segment, and what is known of it.
struct NetworkSource {
  /// Takes images on any device; scores come back on the CPU's side or the
  /// device's, as the network gives them.
  model::Segmenter segmenter;
  /// The run that made it, or the flags' config.
  RunConfig config;
  /// Empty where nobody named them (a TorchScript file).
  data::Classes classes;
  /// The file.
  std::string name;
};

/// A network from a file, to be changed or written.
struct NetworkFile {
  model::DeepLab network{nullptr};
  /// At evaluate_stride() stands the network.
  RunConfig config;
  data::Classes classes;
  std::string name;
};

/// --checkpoint and those of add_config().
void add_checkpoint(Flags& flags);

/// --checkpoint, --torchscript, and those of add_config().
void add_network(Flags& flags);

/// Opens a checkpoint, or a config with weights (--init-from).
/// Throws: as open_network().
NetworkFile open_network_file(const Flags& flags);

/// Opens the one network that the flags name: a checkpoint, a TorchScript
/// file, or a config with weights (--init-from).
/// Throws: ConfigError where they name none or several; DataError naming the
///         file where it does not fit.
NetworkSource open_network(const Flags& flags);

/// The network of a checkpoint, its config changed by the flags of
/// add_config() and placed by add_device().
/// Throws: as open_network().
NetworkSource open_run(const std::string& path, const Flags& flags);

/// The TorchScript file of train.teacher, whose scores a network learns; it
/// gives logits, or logarithms of probabilities.
/// Throws: as model::load_torchscript(), and DataError for one of our exports
///         with other classes or another normalisation; from the segmenter too,
///         where it scores another number of classes.
model::Segmenter open_teacher(
    const RunConfig& config, const data::Classes& classes, torch::Device device
);

/// The network of a checkpoint at one evaluation stride.
model::Segmenter open_checkpoint(
    const std::string& path, OutputStride stride, torch::Device device
);

}  // namespace deeplab::apps
