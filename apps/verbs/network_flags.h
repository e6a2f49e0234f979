// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/run/network_source.h"
#include "apps/verbs/config_flags.h"

namespace deeplab::apps {

/// The flags that select a network: --checkpoint and those of ConfigFlags.
class CheckpointFlags {
 public:
  explicit CheckpointFlags(Flags& flags);

  ConfigFlags& config() noexcept { return config_; }
  /// Returns what the parsed flags ask for. The device is the CPU.
  /// Throws: ConfigError naming a flag whose value is wrong.
  NetworkRequest request() const;

 private:
  Flags& flags_;
  ConfigFlags config_;
};

/// The flags of CheckpointFlags, --device, --torchscript, and those that say
/// how a TorchScript file is used.
class NetworkFlags {
 public:
  explicit NetworkFlags(Flags& flags);

  ConfigFlags& config() noexcept { return checkpoint_.config(); }
  /// Throws: the same as CheckpointFlags, and ConfigError if the device does
  ///         not exist.
  NetworkRequest request() const;

 private:
  Flags& flags_;
  CheckpointFlags checkpoint_;
};

}  // namespace deeplab::apps
