// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "deeplab/core/shared_bytes.h"

namespace deeplab::weights {

/// The element type of a class of PyTorch storages, e.g. "FloatStorage";
/// nullopt for one that is not known.
std::optional<torch::ScalarType> storage_type(std::string_view name);

/// Where a tensor's elements lie in its storage.
struct StorageView {
  int64_t offset;
  const std::vector<int64_t>& sizes;
  const std::vector<int64_t>& strides;
};

/// The same bytes at an address where elements of any type may lie: themselves,
/// or a copy.
SharedBytes aligned(const SharedBytes& bytes);

/// A tensor over aligned bytes, which it keeps alive; nothing is copied.
/// Throws: DataError where the view reaches past the storage or repeats its
///         elements.
torch::Tensor view_elements(
    const SharedBytes& storage, torch::ScalarType type, const StorageView& view
);

}  // namespace deeplab::weights
