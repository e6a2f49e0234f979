// SPDX-License-Identifier: Apache-2.0
#include "apps/verbs/network_flags.h"

namespace deeplab::apps {

CheckpointFlags::CheckpointFlags(Flags& flags)
    : flags_(flags), config_(flags, ConfigScope::kNetwork) {
  flags_.add(
  )("checkpoint", "Checkpoint written by deeplab train.",
    cxxopts::value<std::string>());
}

NetworkRequest CheckpointFlags::request() const {
  NetworkRequest request;
  if (flags_.has("checkpoint")) request.checkpoint = flags_.text("checkpoint");
  request.config = config_.request();
  return request;
}

NetworkFlags::NetworkFlags(Flags& flags) : flags_(flags), checkpoint_(flags) {
  flags_.add_device();
  auto add = flags_.add();
  add("torchscript", "TorchScript file to run instead of a checkpoint.",
      cxxopts::value<std::string>());
  add("resize",
      "Size at which the TorchScript file was traced, as HEIGHTxWIDTH; images are resized to it.",
      cxxopts::value<std::string>());
}

NetworkRequest NetworkFlags::request() const {
  auto request = checkpoint_.request();
  request.device = flags_.device();
  if (flags_.has("torchscript")) {
    request.torchscript = flags_.text("torchscript");
  }
  if (flags_.has("resize")) request.resize = flags_.size("resize");
  return request;
}

}  // namespace deeplab::apps
