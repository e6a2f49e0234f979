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

/// Something that Python would import; nothing is.
struct PickleGlobal {
  std::string_view module;
  std::string_view name;
};

/// What a pickle can hold for us. Everything it points to is owned by the
/// Pickle, every text by the bytes that it was read from.
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

/// A tensor as torch.save describes it: a view of a storage, whose bytes are
/// not in the pickle. Sizes, strides and numbers are >= 0, sizes and strides as
/// many; whether the storage holds them is not checked here.
struct PickleTensor {
  std::string_view storage;
  torch::ScalarType type = torch::kFloat32;
  /// Elements that the storage is said to have.
  int64_t storage_count = 0;
  int64_t offset = 0;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
};

/// An object of a class that is not ours to build: a module, a scalar of
/// NumPy. `state` is the dict of its attributes, where it has one.
struct PickleObject {
  PickleGlobal type;
  PickleValue state;
};

/// Reads one pickle, of what PyTorch's files hold, without running any of it:
/// tensors, dicts, lists, numbers and texts come out; any other object is kept
/// as its type and state. Memory is bounded by the bytes: at most some 300 for
/// each.
class Pickle {
 public:
  /// `bytes` may go on after the pickle. Throws: DataError where it is damaged.
  explicit Pickle(std::string_view bytes);

  const PickleValue& root() const noexcept { return root_; }
  /// Bytes that the pickle takes.
  size_t length() const noexcept { return length_; }
  /// All tensors, in the order of the file.
  const std::deque<PickleTensor>& tensors() const noexcept { return tensors_; }

 private:
  friend class PickleMachine;

  PickleValue root_;
  size_t length_ = 0;
  // Flat ownership: nothing recurses at destruction, however deep the nesting.
  std::deque<PickleList> lists_;
  std::deque<PickleDict> dicts_;
  std::deque<PickleTensor> tensors_;
  std::deque<PickleObject> objects_;
};

}  // namespace deeplab::weights
