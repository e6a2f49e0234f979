// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/read_weights.h"

#include "deeplab/core/error.h"
#include "deeplab/weights/pytorch_file.h"
#include "deeplab/weights/safetensors.h"
#include "deeplab/weights/zip_archive.h"

namespace deeplab::weights {
namespace {

WeightsFile from_safetensors(
    const SharedBytes& bytes, const std::string& path
) {
  const auto file = parse_safetensors(bytes, path);
  WeightsFile result;
  result.tensors = file.metadata.count(kCheckpointMark) > 0
                       ? with_prefix(file.tensors, kCheckpointNetwork)
                       : file.tensors;
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
    if (!wrapper.empty()) {
      throw DataError(
          str(path, ": safetensors has no key \"", wrapper, "\"; leave it out")
      );
    }
    return from_safetensors(bytes, path);
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
