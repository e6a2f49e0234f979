// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "deeplab/core/shared_bytes.h"
#include "deeplab/weights/state_dict.h"

namespace deeplab::weights {

/// A safetensors file: named tensors and free text by key.
/// Source: https://github.com/huggingface/safetensors#format
struct TensorFile {
  StateDict tensors;
  std::map<std::string, std::string> metadata;
};

/// Whether bytes can be a safetensors file, by their first nine.
bool looks_like_safetensors(std::string_view bytes);

/// Tensors over the bytes themselves, which they keep alive.
/// Throws: DataError that begins with `path`, for a header, shape or offset
/// that the file's length does not bear out.
TensorFile parse_safetensors(const SharedBytes& bytes, const std::string& path);

/// Writes all or nothing (write_atomically). Tensors may be on any device.
void write_safetensors(const std::string& path, const TensorFile& file);

}  // namespace deeplab::weights
