// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace deeplab::crf {

constexpr uint32_t kNoVertex = std::numeric_limits<uint32_t>::max();

/// A hash table with open addressing. It numbers keys in the order in which
/// they are added; find() returns kNoVertex for an unknown key.
template <class Key>
class VertexTable {
 public:
  explicit VertexTable(size_t expected) {
    while (slots_.size() < 2 * expected || slots_.empty()) {
      bits_ += 1;
      slots_.resize(size_t{1} << bits_);
    }
  }

  uint32_t find_or_add(Key key) {
    if (2 * keys_.size() >= slots_.size()) grow();
    for (size_t at = hash(key);; at = (at + 1) & (slots_.size() - 1)) {
      auto& slot = slots_[at];
      if (slot.number == kNoVertex) {
        slot = {key, static_cast<uint32_t>(keys_.size())};
        keys_.push_back(key);
        return slot.number;
      }
      if (slot.key == key) return slot.number;
    }
  }
  uint32_t find(Key key) const {
    for (size_t at = hash(key);; at = (at + 1) & (slots_.size() - 1)) {
      const auto& slot = slots_[at];
      if (slot.number == kNoVertex || slot.key == key) return slot.number;
    }
  }
  void prefetch(Key key) const { __builtin_prefetch(&slots_[hash(key)]); }
  const std::vector<Key>& keys() const { return keys_; }

 private:
  struct Slot {
    Key key = 0;
    uint32_t number = kNoVertex;
  };

  size_t hash(Key key) const {
    constexpr uint64_t kGolden = 0x9e3779b97f4a7c15U;
    auto mixed = static_cast<uint64_t>(key);
    if constexpr (sizeof(Key) > sizeof(uint64_t)) {
      mixed ^= static_cast<uint64_t>(key >> 64U) * 0xff51afd7ed558ccdU;
    }
    mixed ^= mixed >> 32U;
    return static_cast<size_t>((mixed * kGolden) >> (64U - bits_));
  }
  void grow() {
    bits_ += 1;
    slots_.assign(size_t{1} << bits_, {});
    for (size_t number = 0; number < keys_.size(); ++number) {
      size_t at = hash(keys_[number]);
      while (slots_[at].number != kNoVertex)
        at = (at + 1) & (slots_.size() - 1);
      slots_[at] = {keys_[number], static_cast<uint32_t>(number)};
    }
  }

  unsigned bits_ = 3;
  std::vector<Slot> slots_;
  std::vector<Key> keys_;
};

}  // namespace deeplab::crf
