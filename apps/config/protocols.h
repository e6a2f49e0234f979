// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deeplab/core/config_io.h"

namespace deeplab::apps {

/// One config key that a protocol sets.
struct ProtocolSetting {
  /// E.g. "train.learning_rate".
  const char* key;
  /// The value as JSON text.
  const char* value;
  /// Paper and section, or the released code, that names the value.
  const char* source;
};

/// The training settings of a paper. A config with "protocol": NAME starts from
/// them.
struct Protocol {
  const char* name;
  /// A description in one line.
  const char* about;
  std::vector<ProtocolSetting> settings;
};

/// Returns all protocols, in the order of the papers.
const std::vector<Protocol>& protocols();

/// Throws: ConfigError listing the known names, if `name` is not one of them.
const Protocol& find_protocol(std::string_view name);

/// Throws: ConfigError naming the first of the protocol's keys to which the
///         config gives another value, because the protocol's own value would
///         have no effect.
void check_not_hidden(const Protocol& protocol, const Json& config);

/// Replaces the key "protocol", if there is one, by the protocol's settings.
/// Other keys of the config override them.
/// Throws: the same as find_protocol().
Json expand_protocol(Json config);

}  // namespace deeplab::apps
