// SPDX-License-Identifier: Apache-2.0
// What a file of weights tells about the network that it belongs to.
#pragma once

#include <optional>
#include <string>

#include "apps/config/config_request.h"
#include "deeplab/weights/state_dict.h"

namespace deeplab::apps {

/// Returns whether a config leaves the network at its defaults.
bool has_default_network(const RunConfig& config);

/// Returns whether a config leaves the data set, and with it the classes, at
/// its defaults.
bool names_no_data(const data::DataConfig& data);

/// The network whose parameters are those of a file.
struct RecognizedNetwork {
  RunConfig config;
  /// A line that says which flags would choose this network.
  std::string about;
};

/// Finds the network of another project that a file fills completely. The
/// config is the one that `request` gives with this network. Returns nullopt if
/// the default network fits, or if none does.
std::optional<RecognizedNetwork> recognize_network(
    const weights::StateDict& file, const ConfigRequest& request
);

/// Returns the number of classes that a file's classifier scores; nullopt if
/// the file has no classifier of this network. A classifier of one channel
/// scores two classes.
std::optional<int64_t> count_classes(
    const model::DeepLabConfig& config, const weights::StateDict& file
);

}  // namespace deeplab::apps
