// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/pickled_weights.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab::weights {
namespace {

using Named = std::vector<std::pair<std::string, const PickleTensor*>>;

// No real network comes near these limits; a file that is made to exhaust
// memory exceeds them.
constexpr int kDeepest = 64;
constexpr size_t kLongestName = 1024;
constexpr size_t kMostVisits = 1'000'000;

/// Returns true for the attributes in which Python's modules keep their
/// children.
bool is_registry(std::string_view key) {
  return key == "_parameters" || key == "_buffers" || key == "_modules";
}

const PickleDict* as_dict(const PickleValue& value) {
  auto* const* dict = std::get_if<PickleDict*>(&value);
  return dict == nullptr ? nullptr : *dict;
}

/// Returns the attributes of a module; nullptr if `value` is not an object or
/// has no attributes.
const PickleDict* attributes(const PickleValue& value) {
  auto* const* object = std::get_if<PickleObject*>(&value);
  return object == nullptr ? nullptr : as_dict((*object)->state);
}

class Collector {
 public:
  /// `visits` counts the names that were looked at in the whole file.
  explicit Collector(size_t& visits) : visits_(visits) {}

  void add_direct(const PickleDict& dict) {
    for (const auto& [key, value] : dict.items) {
      count_visit();
      const auto* name = std::get_if<std::string_view>(&key);
      if (name != nullptr) add(std::string(*name), value);
    }
  }

  void add_module(
      const PickleDict& attributes, const std::string& prefix, int depth
  ) {
    if (depth > kDeepest) throw DataError("modules are nested too deeply");
    for (const auto& [key, value] : attributes.items) {
      count_visit();
      const auto* name = std::get_if<std::string_view>(&key);
      if (name == nullptr) continue;
      if (prefix.size() + name->size() > kLongestName) {
        throw DataError("holds a name of more than 1024 letters");
      }
      const auto full = prefix + std::string(*name);
      const auto* registry = as_dict(value);
      if (registry != nullptr && is_registry(*name)) {
        add_module(*registry, prefix, depth + 1);
      } else if (const auto* child = weights::attributes(value)) {
        add_module(*child, full + ".", depth + 1);
      } else {
        add(full, value);
      }
    }
  }

  Named take() { return std::move(tensors_); }

 private:
  void count_visit() {
    if (++visits_ > kMostVisits) throw DataError("holds too many names");
  }
  void add(const std::string& name, const PickleValue& value) {
    auto* const* tensor = std::get_if<PickleTensor*>(&value);
    if (tensor == nullptr || !names_.insert(name).second) return;
    tensors_.emplace_back(name, *tensor);
  }

  Named tensors_;
  std::set<std::string> names_;
  size_t& visits_;
};

/// Returns the tensors of a state_dict or module; an empty list if it is
/// neither.
Named tensors_of(const PickleValue& value, size_t& visits) {
  Collector collector(visits);
  if (const auto* dict = as_dict(value)) collector.add_direct(*dict);
  if (const auto* module = attributes(value)) {
    collector.add_module(*module, "", 0);
  }
  return collector.take();
}

/// Removes a prefix from the names that have it; with `all`, only if all have
/// it.
void cut_prefix(Named& tensors, const std::string& prefix, bool all) {
  const auto has = [&](const auto& item) {
    return item.first.size() > prefix.size() &&
           item.first.compare(0, prefix.size(), prefix) == 0;
  };
  if (all && !std::all_of(tensors.begin(), tensors.end(), has)) return;
  std::set<std::string> names;
  Named cut;
  for (const auto& item : tensors) {
    const auto name = has(item) ? item.first.substr(prefix.size()) : item.first;
    if (names.insert(name).second) cut.emplace_back(name, item.second);
  }
  tensors = std::move(cut);
}

/// Returns the key of the dict to read if several contain weights.
std::string choose(
    const std::vector<std::string>& keys, const std::string& wrapper
) {
  if (!wrapper.empty()) {
    if (std::count(keys.begin(), keys.end(), wrapper) > 0) return wrapper;
    throw DataError(fmt::format(
        "holds no weights under \"{}\"; known: {}", wrapper,
        keys.empty() ? "none" : list_names(keys)
    ));
  }
  for (const auto* usual :
       {"state_dict", "model_state", "model_state_dict", "model"}) {
    if (std::count(keys.begin(), keys.end(), usual) > 0) return usual;
  }
  if (keys.size() == 1) return keys[0];
  throw DataError(fmt::format(
      "holds weights under several keys ({}); choose one with train.init_key",
      list_names(keys)
  ));
}

}  // namespace

PickledWeights find_weights(
    const PickleValue& root, const std::string& wrapper
) {
  size_t visits = 0;
  PickledWeights found;
  found.tensors = tensors_of(root, visits);
  std::vector<std::string> keys;
  std::map<std::string, Named> wrapped;
  if (const auto* dict = as_dict(root)) {
    for (const auto& [key, value] : dict->items) {
      const auto* name = std::get_if<std::string_view>(&key);
      if (name == nullptr) continue;
      auto tensors = tensors_of(value, visits);
      if (tensors.empty()) continue;
      keys.emplace_back(*name);
      wrapped[keys.back()] = std::move(tensors);
    }
  }
  if (keys.empty() && wrapper.empty()) {
    if (found.tensors.empty()) throw DataError("holds no tensors");
  } else {
    const auto chosen = choose(keys, wrapper);
    // A file without a wrapper may have a small dict among its tensors.
    if (!wrapper.empty() || wrapped[chosen].size() >= found.tensors.size()) {
      found.wrapper = chosen;
      found.tensors = std::move(wrapped[chosen]);
    }
    keys.erase(
        std::remove(keys.begin(), keys.end(), found.wrapper), keys.end()
    );
    found.others = keys;
  }
  // DataParallel adds the first prefix, torch.compile the second, Lightning the
  // third.
  cut_prefix(found.tensors, "module.", false);
  cut_prefix(found.tensors, "_orig_mod.", false);
  cut_prefix(found.tensors, "model.", true);
  return found;
}

}  // namespace deeplab::weights
