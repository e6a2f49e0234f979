// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "apps/cli/flags.h"
#include "apps/config/config_request.h"

namespace deeplab::apps {

/// The parts of a config that a verb's flags can change. Each value includes
/// the ones before it: the data set, the network, the training.
enum class ConfigScope { kData, kNetwork, kTraining };

/// The flags that determine a run's config: --config, --set, and one flag for
/// each key that is often changed.
class ConfigFlags {
 public:
  /// Adds the flags to `flags`, which must outlive this object.
  ConfigFlags(Flags& flags, ConfigScope scope);

  /// Adds --scales, --flip, --sizing, --window, --overlap, --memory-limit and
  /// --crf, which set keys of `evaluate`.
  void add_inference();

  /// Returns what the parsed flags ask for.
  /// Throws: ConfigError naming a flag whose value is wrong.
  ConfigRequest request() const;

  /// Returns `base` with the changes that the flags ask for.
  /// Throws: the same as request() and make_config().
  RunConfig config(const Json& base) const;

  /// Returns --memory-limit in bytes. Throws: ConfigError if it is not above 0.
  std::optional<double> memory_limit() const;

 private:
  void add_changes(ConfigRequest& request) const;
  void add_inference_changes(ConfigRequest& request) const;

  Flags& flags_;
  ConfigScope scope_;
  bool has_inference_ = false;
};

/// Adds --crf. Its value, after "=", is a name or a file; without a value it is
/// "resnet101".
void add_crf_flag(Flags& flags);

}  // namespace deeplab::apps
