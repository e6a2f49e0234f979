// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "deeplab/core/shared_bytes.h"
#include "deeplab/weights/state_dict.h"

namespace deeplab::weights {

/// The contents of a safetensors file: named tensors, and free text by key.
/// Source: https://github.com/huggingface/safetensors#format
struct TensorFile {
  StateDict tensors;
  std::map<std::string, std::string> metadata;
};

/// Returns true if the first nine bytes can be those of a safetensors file.
bool looks_like_safetensors(std::string_view bytes);

/// Returns tensors that are views of the bytes and keep them alive.
/// Throws: DataError that begins with `path`, for a header, shape or offset
///         that does not agree with the file's length.
TensorFile parse_safetensors(const SharedBytes& bytes, const std::string& path);

/// Writes the whole file or nothing (write_atomically). Tensors may be on any
/// device.
void write_safetensors(const std::string& path, const TensorFile& file);

}  // namespace deeplab::weights
