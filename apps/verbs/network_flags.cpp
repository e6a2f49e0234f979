// SPDX-License-Identifier: Apache-2.0
#include "apps/verbs/network_flags.h"

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab::apps {
namespace {

model::ScoreKind score_kind(const std::string& word) {
  if (word == "logits") return model::ScoreKind::kLogits;
  if (word == "probabilities") return model::ScoreKind::kProbabilities;
  throw ConfigError(unknown_name("--scores", word, {"logits", "probabilities"})
  );
}

}  // namespace

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
  flags_.add_whole(
      "multiple-of",
      "Number of which the TorchScript file needs sides to be multiples; images are padded to them. Found by trying if it is not given.",
      {1, 4096}, 1
  );
  add("scores",
      "What the TorchScript file returns: logits or probabilities. Default: probabilities if its values are in 0..1 and sum to 1; one channel is taken for the logit of the foreground.",
      cxxopts::value<std::string>());
}

NetworkRequest NetworkFlags::request() const {
  auto request = checkpoint_.request();
  request.device = flags_.device();
  if (flags_.has("torchscript")) {
    request.torchscript = flags_.text("torchscript");
  }
  for (const char* flag : {"resize", "multiple-of", "scores"}) {
    if (flags_.has(flag) && request.torchscript.empty()) {
      throw ConfigError(fmt::format(
          "--{} has an effect only with --torchscript; remove it", flag
      ));
    }
  }
  if (flags_.has("resize")) request.resize = flags_.size("resize");
  if (flags_.has("multiple-of")) {
    request.multiple_of = flags_.whole("multiple-of");
  }
  if (flags_.has("scores")) request.scores = score_kind(flags_.text("scores"));
  return request;
}

}  // namespace deeplab::apps
