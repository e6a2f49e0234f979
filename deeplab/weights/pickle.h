// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <torch/types.h>

namespace deeplab::weights {

struct PickleList;
struct PickleDict;

/// A Python object's type and name, none of whose code is run: an import, or
/// an object made by one that this reader does not know.
struct PickleGlobal {
  std::string name;
};

/// What a pickle can hold for us. Lists (and tuples) and dicts are owned by
/// the Pickle that made them.
using PickleValue = std::variant<
    std::monostate,
    bool,
    int64_t,
    double,
    std::string,
    torch::Tensor,
    PickleGlobal,
    const PickleList*,
    PickleDict*>;

struct PickleList {
  std::vector<PickleValue> items;
};
struct PickleDict {
  std::vector<std::pair<PickleValue, PickleValue>> items;
};

/// Finds the bytes of one storage: its key, to the bytes as they lie on disk.
using StorageSource = std::function<std::string_view(const std::string& key)>;

/// Reads the pickle of a PyTorch file without running any of it: tensors,
/// dicts, lists, numbers and strings come out; any other object is kept as its
/// type's name alone. Shapes and strides are checked against the storage.
class Pickle {
 public:
  /// Throws: DataError where the pickle is damaged, or claims a tensor that
  /// its storage does not hold.
  Pickle(std::string_view bytes, StorageSource storages);

  const PickleValue& root() const { return root_; }

 private:
  friend class PickleMachine;

  PickleValue root_;
  // Flat ownership: nothing recurses at destruction, however deep the nesting.
  std::deque<PickleList> lists_;
  std::deque<PickleDict> dicts_;
};

}  // namespace deeplab::weights
