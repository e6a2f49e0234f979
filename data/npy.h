// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <torch/types.h>

namespace deeplab::data {

/// Writes a tensor as NumPy's file format, float32, little-endian, C order.
/// Source: NumPy enhancement proposal 1, format version 1.0.
/// Throws: DataError where the file cannot be written.
void write_npy(const std::string& path, const torch::Tensor& values);

/// Reads such a file of float32 or float64, as float32.
/// Throws: DataError that begins with `path`: for another type or order, and
///         for a file of another length than its header says.
torch::Tensor read_npy(const std::string& path);

}  // namespace deeplab::data
