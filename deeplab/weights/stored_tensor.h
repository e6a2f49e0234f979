// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

namespace deeplab::weights {

/// The element type of a class of PyTorch storages, e.g. "torch.FloatStorage".
/// Throws: DataError for one that is not known.
torch::ScalarType storage_type(const std::string& name);

/// Where a tensor's elements lie in its storage.
struct StorageView {
  int64_t offset;
  const std::vector<int64_t>& sizes;
  const std::vector<int64_t>& strides;
};

/// A tensor of its own, out of the bytes of a storage.
/// Throws: DataError where the view reaches past the storage or repeats its
///         elements.
torch::Tensor copy_elements(
    std::string_view storage, torch::ScalarType type, const StorageView& view
);

}  // namespace deeplab::weights
