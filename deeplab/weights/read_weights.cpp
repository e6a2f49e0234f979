// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/read_weights.h"

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/weights/pytorch_file.h"
#include "deeplab/weights/safetensors.h"
#include "deeplab/weights/zip_archive.h"

namespace deeplab::weights {
namespace {

const std::string kModel = "model";
const std::string kAverage = "average";

/// Reads a checkpoint of a training. By default it takes the averages, if there
/// are any.
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
    throw DataError(fmt::format(
        "{}: the checkpoint has no \"{}\"; known: {}{}", path, wrapper, kModel,
        has_averages ? ", " + kAverage : ""
    ));
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
    throw DataError(fmt::format(
        "{}: a safetensors file has no dicts, so the key \"{}\" cannot be read; remove train.init_key",
        path, wrapper
    ));
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
    throw DataError(fmt::format("{}: {}", path, error.what()));
  }
  throw DataError(fmt::format(
      "{}: neither a safetensors file nor a file written by torch.save or TorchScript",
      path
  ));
}

}  // namespace deeplab::weights
