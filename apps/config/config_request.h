// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/config/run_config.h"

namespace deeplab::apps {

/// A config key, e.g. "train.momentum", and the value that it gets.
struct KeyChange {
  std::string key;
  Json value;
};

/// The changes that a command line makes to a run's config. Later items
/// override earlier ones, in the order file, network, changes, overrides.
struct ConfigRequest {
  /// JSON file of a config; empty if there is none.
  std::string file;
  /// Name of one of protocols(). The file's keys override the protocol's. Empty
  /// if there is none.
  std::string protocol;
  /// Name of a preset that replaces the config's network; empty if there is
  /// none.
  std::string network;
  std::vector<KeyChange> changes;
  /// Whether data.kind is detected from the layout of the folder data.root.
  bool finds_kind = false;
  /// Keys set by --set, which override everything else.
  std::vector<KeyChange> overrides;
  /// Called with the finished config; throws ConfigError for a flag that has no
  /// effect on it. May be empty.
  std::function<void(const RunConfig& config)> check;
};

/// Returns the run's config: `base`, changed by what the request asks for.
/// Throws: ConfigError naming the file or the key; DataError if the layout of
///         the data folder is not that of a known data set.
RunConfig make_config(const Json& base, const ConfigRequest& request);

}  // namespace deeplab::apps
