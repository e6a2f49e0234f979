// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <torch/types.h>

namespace deeplab::data {

/// Writes a tensor in NumPy's .npy format, as float32, little-endian, C order.
/// Source: NumPy enhancement proposal 1, format version 1.0.
/// Throws: DataError if the file cannot be written.
void write_npy(const std::string& path, const torch::Tensor& values);

/// Reads a .npy file of float32 or float64 values and returns them as float32.
/// Throws: DataError whose message begins with `path`, for another data type or
///         for Fortran order, and if the file's length does not match its
///         header.
torch::Tensor read_npy(const std::string& path);

}  // namespace deeplab::data
