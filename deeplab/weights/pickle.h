// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <torch/types.h>

namespace deeplab::weights {

struct PickleList;
struct PickleDict;
struct PickleTensor;
struct PickleObject;

/// A class or function that Python would import. Nothing is imported here.
struct PickleGlobal {
  std::string_view module;
  std::string_view name;
};

/// A value in a pickle. The Pickle owns everything that a value points to;
/// texts are views into the bytes that the Pickle was read from.
using PickleValue = std::variant<
    std::monostate,
    bool,
    int64_t,
    double,
    std::string_view,
    PickleGlobal,
    PickleList*,
    PickleDict*,
    PickleTensor*,
    PickleObject*>;

/// A list or tuple.
struct PickleList {
  std::vector<PickleValue> items;
};
struct PickleDict {
  std::vector<std::pair<PickleValue, PickleValue>> items;
};

/// A tensor as torch.save describes it: a view of a storage whose bytes are
/// outside the pickle. Sizes, strides and numbers are >= 0, and there are as
/// many sizes as strides. Whether the storage is large enough is not checked
/// here.
struct PickleTensor {
  std::string_view storage;
  torch::ScalarType type = torch::kFloat32;
  /// Number of elements that the storage has according to the pickle.
  int64_t storage_count = 0;
  int64_t offset = 0;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
};

/// An object of a class that this reader does not build, such as a module or a
/// NumPy scalar. `state` is the dict of its attributes, if there is one.
struct PickleObject {
  PickleGlobal type;
  PickleValue state;
};

/// Reads one pickle of the kind that PyTorch's files contain, without executing
/// any of it. Tensors, dicts, lists, numbers and texts are read; of any other
/// object, its type and state are kept. Memory use is bounded: at most some 300
/// bytes for each byte of the pickle.
class Pickle {
 public:
  /// `bytes` may continue after the end of the pickle.
  /// Throws: DataError if the pickle is damaged.
  explicit Pickle(std::string_view bytes);

  const PickleValue& root() const noexcept { return root_; }
  /// Returns the number of bytes that the pickle takes.
  size_t length() const noexcept { return length_; }
  /// Returns all tensors, in the order of the file.
  const std::deque<PickleTensor>& tensors() const noexcept { return tensors_; }

 private:
  friend class PickleMachine;

  PickleValue root_;
  size_t length_ = 0;
  // Ownership is flat: destruction never recurses, however deep the nesting is.
  std::deque<PickleList> lists_;
  std::deque<PickleDict> dicts_;
  std::deque<PickleTensor> tensors_;
  std::deque<PickleObject> objects_;
};

}  // namespace deeplab::weights
