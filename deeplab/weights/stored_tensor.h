// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "deeplab/core/shared_bytes.h"

namespace deeplab::weights {

/// Returns the element type of a PyTorch storage class such as "FloatStorage";
/// nullopt if the class is unknown.
std::optional<torch::ScalarType> storage_type(std::string_view name);

/// The position of a tensor's elements in its storage, in elements.
struct StorageView {
  int64_t offset;
  const std::vector<int64_t>& sizes;
  const std::vector<int64_t>& strides;
};

/// Returns the same bytes at an address that is aligned for every element type:
/// `bytes` itself, or a copy.
SharedBytes aligned(const SharedBytes& bytes);

/// Returns a tensor over aligned bytes. It keeps them alive and copies nothing.
/// Throws: DataError if the view reaches past the storage or repeats its
///         elements.
torch::Tensor view_elements(
    const SharedBytes& storage, torch::ScalarType type, const StorageView& view
);

}  // namespace deeplab::weights
