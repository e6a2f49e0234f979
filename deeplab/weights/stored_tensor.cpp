// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/stored_tensor.h"

#include <array>
#include <cstring>
#include <limits>

#include "deeplab/core/error.h"

namespace deeplab::weights {
namespace {

struct StorageType {
  const char* name;
  torch::ScalarType type;
};
constexpr std::array kStorageTypes{
    StorageType{"torch.FloatStorage", torch::kFloat32},
    StorageType{"torch.DoubleStorage", torch::kFloat64},
    StorageType{"torch.HalfStorage", torch::kFloat16},
    StorageType{"torch.BFloat16Storage", torch::kBFloat16},
    StorageType{"torch.LongStorage", torch::kInt64},
    StorageType{"torch.IntStorage", torch::kInt32},
    StorageType{"torch.ShortStorage", torch::kInt16},
    StorageType{"torch.CharStorage", torch::kInt8},
    StorageType{"torch.ByteStorage", torch::kUInt8},
    StorageType{"torch.BoolStorage", torch::kBool},
};

/// Elements from the first to the last that a tensor touches. At most as many
/// as it has, or it would repeat some (and could claim more than fits memory).
int64_t reach(const StorageView& view) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 16;
  int64_t count = 1;
  int64_t last = 0;
  for (size_t i = 0; i < view.sizes.size(); ++i) {
    const int64_t size = view.sizes[i];
    const int64_t stride = view.strides[i];
    if (size == 0) return 0;
    const bool too_far = stride != 0 && size - 1 > (kMost - last) / stride;
    if (too_far || size > kMost / count) {
      throw DataError("pickle: a tensor reaches past any storage");
    }
    last += (size - 1) * stride;
    count *= size;
  }
  if (count > last + 1) {
    throw DataError("pickle: a tensor that repeats its elements");
  }
  return last + 1;
}

}  // namespace

torch::ScalarType storage_type(const std::string& name) {
  for (const auto& known : kStorageTypes) {
    if (name == known.name) return known.type;
  }
  throw DataError(str("pickle: storage type ", name, " is not known"));
}

torch::Tensor copy_elements(
    std::string_view storage, torch::ScalarType type, const StorageView& view
) {
  const int64_t needed = reach(view);
  if (needed == 0) return torch::empty(view.sizes, type);
  const size_t width = c10::elementSize(type);
  const auto held = static_cast<int64_t>(storage.size() / width);
  if (view.offset > held || needed > held - view.offset) {
    throw DataError(
        str("pickle: a tensor needs elements ",
            view.offset,
            " to ",
            view.offset + needed,
            " of a storage that holds ",
            held)
    );
  }
  // Copied as bytes first: they may lie at an odd address.
  auto elements = torch::empty({needed}, type);
  std::memcpy(
      elements.data_ptr(),
      storage.data() + static_cast<size_t>(view.offset) * width,
      elements.nbytes()
  );
  return elements.as_strided(view.sizes, view.strides).contiguous();
}

}  // namespace deeplab::weights
