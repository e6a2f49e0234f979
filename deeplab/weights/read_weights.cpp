// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/read_weights.h"

#include "deeplab/core/error.h"
#include "deeplab/weights/pytorch_file.h"
#include "deeplab/weights/safetensors.h"
#include "deeplab/weights/zip_archive.h"

namespace deeplab::weights {
namespace {

const std::string kModel = "model";
const std::string kAverage = "average";

/// Of a training's checkpoint: the averages, where it kept some.
WeightsFile from_checkpoint(
    const StateDict& tensors,
    const std::string& path,
    const std::string& wrapper
) {
  WeightsFile result;
  auto averages = with_prefix(tensors, kCheckpointAverages);
  const bool has_averages = !averages.is_empty();
  const bool known = wrapper.empty() || wrapper == kModel ||
                     (wrapper == kAverage && has_averages);
  if (!known) {
    throw DataError(
        str(path,
            ": the checkpoint has no \"",
            wrapper,
            "\"; known: ",
            kModel,
            has_averages ? ", " + kAverage : "")
    );
  }
  if (has_averages && wrapper != kModel) {
    result.tensors = std::move(averages);
    result.wrapper = kAverage;
    result.others = {kModel};
    return result;
  }
  result.tensors = with_prefix(tensors, kCheckpointNetwork);
  if (has_averages) {
    result.wrapper = kModel;
    result.others = {kAverage};
  }
  return result;
}

WeightsFile from_safetensors(
    const SharedBytes& bytes,
    const std::string& path,
    const std::string& wrapper
) {
  const auto file = parse_safetensors(bytes, path);
  if (file.metadata.count(kCheckpointMark) > 0) {
    return from_checkpoint(file.tensors, path, wrapper);
  }
  if (!wrapper.empty()) {
    throw DataError(
        str(path, ": safetensors has no key \"", wrapper, "\"; leave it out")
    );
  }
  WeightsFile result;
  result.tensors = file.tensors;
  return result;
}

}  // namespace

WeightsFile read_weights(const std::string& path, const std::string& wrapper) {
  return parse_weights(SharedBytes::map_file(path), path, wrapper);
}

WeightsFile parse_weights(
    const SharedBytes& bytes,
    const std::string& path,
    const std::string& wrapper
) {
  if (looks_like_safetensors(bytes.view())) {
    return from_safetensors(bytes, path, wrapper);
  }
  try {
    if (looks_like_zip(bytes.view())) return parse_pytorch_zip(bytes, wrapper);
    if (looks_like_legacy(bytes.view())) {
      return parse_pytorch_legacy(bytes, wrapper);
    }
  } catch (const DataError& error) {
    throw DataError(str(path, ": ", error.what()));
  }
  throw DataError(
      str(path, ": neither safetensors nor a file of torch.save or TorchScript")
  );
}

}  // namespace deeplab::weights
