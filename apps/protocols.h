// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deeplab/core/config_io.h"

namespace deeplab::apps {

/// One value of a protocol.
struct ProtocolSetting {
  /// E.g. "train.learning_rate".
  const char* key;
  /// As JSON.
  const char* value;
  /// Where it stands.
  const char* source;
};

/// How a paper trained: what a config with "protocol": NAME begins with.
struct Protocol {
  const char* name;
  /// One line.
  const char* about;
  std::vector<ProtocolSetting> settings;
};

/// In the order of the papers.
const std::vector<Protocol>& protocols();

/// Throws: ConfigError that lists the known names.
const Protocol& find_protocol(std::string_view name);

/// Throws: ConfigError naming the first of the protocol's keys that the config
///         has with another value: beneath it the protocol would not be seen.
void check_not_hidden(const Protocol& protocol, const Json& config);

/// A config whose "protocol", if it names one, is written out beneath it.
/// Throws: as find_protocol().
Json expand_protocol(Json config);

}  // namespace deeplab::apps
