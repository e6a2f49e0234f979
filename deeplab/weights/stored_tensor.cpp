// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/stored_tensor.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <fmt/core.h>
#include <torch/types.h>

#include "deeplab/core/error.h"

namespace deeplab::weights {
namespace {

struct StorageType {
  const char* name;
  torch::ScalarType type;
};
constexpr std::array kStorageTypes{
    StorageType{"FloatStorage", torch::kFloat32},
    StorageType{"DoubleStorage", torch::kFloat64},
    StorageType{"HalfStorage", torch::kFloat16},
    StorageType{"BFloat16Storage", torch::kBFloat16},
    StorageType{"LongStorage", torch::kInt64},
    StorageType{"IntStorage", torch::kInt32},
    StorageType{"ShortStorage", torch::kInt16},
    StorageType{"CharStorage", torch::kInt8},
    StorageType{"ByteStorage", torch::kUInt8},
    StorageType{"BoolStorage", torch::kBool},
};

/// Returns the number of storage elements from the first to the last that a
/// tensor uses. Throws if the tensor has more elements than that, because it
/// would repeat some (and could claim more than fits into memory).
int64_t reach(const StorageView& view) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 16;
  int64_t count = 1;
  int64_t last = 0;
  bool is_empty = false;
  for (size_t i = 0; i < view.sizes.size(); ++i) {
    const int64_t size = std::max<int64_t>(1, view.sizes[i]);
    const int64_t stride = view.strides[i];
    is_empty = is_empty || view.sizes[i] == 0;
    const bool too_far = stride != 0 && size - 1 > (kMost - last) / stride;
    if (too_far || size > kMost / count) {
      throw DataError("a tensor extends beyond its storage");
    }
    last += (size - 1) * stride;
    count *= size;
  }
  if (is_empty) return 0;
  if (count > last + 1) {
    throw DataError(
        "a tensor uses elements of its storage repeatedly, which is not supported"
    );
  }
  return last + 1;
}

}  // namespace

std::optional<torch::ScalarType> storage_type(std::string_view name) {
  for (const auto& known : kStorageTypes) {
    if (name == known.name) return known.type;
  }
  return std::nullopt;
}

SharedBytes aligned(const SharedBytes& bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.view().data());
  if (address % alignof(std::max_align_t) == 0) return bytes;
  return SharedBytes(std::string(bytes.view()));
}

torch::Tensor view_elements(
    const SharedBytes& storage, torch::ScalarType type, const StorageView& view
) {
  const int64_t needed = reach(view);
  if (needed == 0) return torch::empty(view.sizes, type);
  const size_t width = c10::elementSize(type);
  const auto held = static_cast<int64_t>(storage.view().size() / width);
  if (view.offset > held || needed > held - view.offset) {
    throw DataError(fmt::format(
        "a tensor needs elements {} to {} of a storage that holds {}",
        view.offset, view.offset + needed, held
    ));
  }
  // The bytes are writable; see SharedBytes::map_file().
  char* first = const_cast<char*>(storage.view().data()) +
                static_cast<size_t>(view.offset) * width;
  return torch::from_blob(
      first, view.sizes, view.strides, [owner = storage.owner()](void*) {},
      torch::TensorOptions(type)
  );
}

}  // namespace deeplab::weights
