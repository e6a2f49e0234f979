// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry point for one reader of weight files, chosen by
// DEEPLAB_FUZZ. For any bytes, the reader must return tensors or throw
// DataError. See tools/fuzz.
#include <cstdint>
#include <string>

#include "deeplab/core/error.h"
#include "deeplab/weights/pickled_weights.h"
#include "deeplab/weights/pytorch_file.h"
#include "deeplab/weights/safetensors.h"

namespace deeplab::weights {
namespace {

/// Reads every element, so that a sanitizer detects one outside the storage.
void touch(const StateDict& tensors) {
  for (const auto& item : tensors) item.value().clone();
}

void read_safetensors(const std::string& bytes) {
  touch(parse_safetensors(SharedBytes(bytes), "fuzz").tensors);
}
void read_zip(const std::string& bytes) {
  touch(parse_pytorch_zip(SharedBytes(bytes), "").tensors);
}
void read_legacy(const std::string& bytes) {
  if (!looks_like_legacy(bytes)) return;
  touch(parse_pytorch_legacy(SharedBytes(bytes), "").tensors);
}
void read_pickle(const std::string& bytes) {
  const Pickle pickle(bytes);
  find_weights(pickle.root(), "");
}

}  // namespace
}  // namespace deeplab::weights

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  try {
    deeplab::weights::DEEPLAB_FUZZ(bytes);
  } catch (const deeplab::DataError&) {
    return 0;
  }
  return 0;
}
