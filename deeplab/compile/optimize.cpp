// SPDX-License-Identifier: Apache-2.0
#include "deeplab/compile/optimize.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <unordered_set>

namespace deeplab::compile {
namespace {

using Kind = Operation::Kind;
using Place = std::list<Operation>::iterator;

/// The operation that computes each value, and how many operations read it.
class Uses {
 public:
  explicit Uses(Operations& operations)
      : producers_(
            static_cast<size_t>(operations.value_count), operations.list.end()
        ),
        readers_(static_cast<size_t>(operations.value_count)),
        end_(operations.list.end()) {
    for (auto place = operations.list.begin(); place != end_; ++place) {
      for (const int value : place->outputs) {
        producers_[static_cast<size_t>(value)] = place;
      }
      for (const int value : place->inputs) {
        ++readers_[static_cast<size_t>(value)];
      }
    }
    ++readers_[static_cast<size_t>(operations.output)];
  }

  /// Returns null for the network's input.
  const Operation* producer(int value) const {
    const auto place = producers_[static_cast<size_t>(value)];
    return place == end_ ? nullptr : &*place;
  }
  Place place(int value) const {
    return producers_[static_cast<size_t>(value)];
  }
  int readers(int value) const { return readers_[static_cast<size_t>(value)]; }

 private:
  std::vector<Place> producers_;
  std::vector<int> readers_;
  Place end_;
};

void widen_scores(Operations& operations) {
  std::unordered_set<int> wide{operations.output};
  auto& list = operations.list;
  for (auto step = list.rbegin(); step != list.rend(); ++step) {
    if (wide.count(step->outputs[0]) == 0) continue;
    if (step->is_convolution()) {
      step->plan.output = torch::kFloat32;
      // The residual, too, is a part of the scores.
      wide.insert(step->inputs.begin() + 1, step->inputs.end());
    } else if (step->kind == Kind::kResize) {
      wide.insert(step->inputs[0]);
    } else {
      wide.insert(step->inputs.begin(), step->inputs.end());
    }
  }
}

void absorb_input_relus(Operations& operations) {
  auto& list = operations.list;
  for (auto relu = list.begin(); relu != list.end();) {
    const auto reads_relu = [&](const Operation& step) {
      const auto& inputs = step.inputs;
      return std::find(inputs.begin(), inputs.end(), relu->outputs[0]) !=
             inputs.end();
    };
    const bool is_absorbed =
        relu->name == "aten::relu" && relu->outputs[0] != operations.output &&
        std::all_of(std::next(relu), list.end(), [&](const Operation& step) {
          return !reads_relu(step) ||
                 (step.is_convolution() && step.plan.is_depthwise() &&
                  step.inputs.size() == 1);
        });
    if (!is_absorbed) {
      ++relu;
      continue;
    }
    for (auto step = std::next(relu); step != list.end(); ++step) {
      if (!reads_relu(*step)) continue;
      step->plan.rectifies_input = true;
      step->inputs[0] = relu->inputs[0];
    }
    relu = list.erase(relu);
  }
}

/// Returns the number of channels of a map, if the operations tell it.
std::optional<int64_t> channels_of(const Uses& uses, int value) {
  const auto* step = uses.producer(value);
  if (step == nullptr) return {};
  if (step->is_convolution()) return step->plan.out_channels;
  if (step->kind == Kind::kResize || step->name == "aten::expand" ||
      step->name == "aten::relu" || step->name == "aten::max_pool2d") {
    return channels_of(uses, step->inputs[0]);
  }
  if (step->kind != Kind::kConcatenation) return {};
  int64_t sum = 0;
  for (const int part : step->inputs) {
    const auto channels = channels_of(uses, part);
    if (!channels) return {};
    sum += *channels;
  }
  return sum;
}

/// A map among those that are joined.
struct Part {
  int value;
  int64_t channels;
};

/// Returns the maps that are joined to a convolution's input, if nothing else
/// reads the joined map; else nothing.
std::vector<Part> joined_parts(const Uses& uses, const Operation& convolution) {
  const int joined = convolution.inputs[0];
  const auto* step = uses.producer(joined);
  if (step == nullptr || step->kind != Kind::kConcatenation ||
      uses.readers(joined) != 1) {
    return {};
  }
  std::vector<Part> parts;
  for (const int value : step->inputs) {
    const auto channels = channels_of(uses, value);
    if (!channels) return {};
    parts.push_back({value, *channels});
  }
  return parts;
}

/// Puts a depthwise convolution of each part before the joining.
void split_depthwise(
    Operations& operations,
    Place whole,
    const std::vector<Part>& parts,
    Place joining
) {
  int64_t first = 0;
  joining->inputs.clear();
  for (const auto& [value, channels] : parts) {
    Operation part{Kind::kConvolution, {value}, {operations.add_value()}};
    part.plan = whole->plan;
    part.plan.in_channels = channels;
    part.plan.out_channels = channels;
    part.plan.groups = channels;
    const auto& weights = whole->weights;
    const auto cut = [first = first,
                      channels = channels](const torch::Tensor& tensor) {
      return tensor.defined() ? tensor.narrow(0, first, channels) : tensor;
    };
    part.weights = {cut(weights.weight), cut(weights.bias), cut(weights.scale)};
    first += channels;
    joining->inputs.push_back(part.outputs[0]);
    operations.list.insert(whole, std::move(part));
  }
  joining->outputs = whole->outputs;
  operations.list.splice(whole, operations.list, joining);
  operations.list.erase(whole);
}

/// Computes a pointwise convolution as a sum over the parts.
void split_pointwise(
    Operations& operations,
    const Uses& uses,
    Place whole,
    const std::vector<Part>& parts,
    Place joining
) {
  const auto expanded = [&](const Part& part) -> const Operation* {
    const auto* step = uses.producer(part.value);
    return step != nullptr && step->name == "aten::expand" ? step : nullptr;
  };
  std::vector<Operation> sums;
  int64_t first = 0;
  for (const auto& part : parts) {
    Operation sum{Kind::kConvolution, {part.value}, {}};
    if (const auto* step = expanded(part)) sum.inputs = {step->inputs[0]};
    sum.plan = whole->plan;
    sum.plan.in_channels = part.channels;
    sum.weights = {
        whole->weights.weight.narrow(1, first, part.channels),
        torch::zeros_like(whole->weights.bias), whole->weights.scale};
    first += part.channels;
    // Maps of one value come first, because the others add to what is there.
    sums.insert(expanded(part) ? sums.begin() : sums.end(), std::move(sum));
  }
  sums.front().weights.bias = whole->weights.bias;
  for (size_t i = 0; i < sums.size(); ++i) {
    auto& sum = sums[i];
    const bool is_last = i + 1 == sums.size();
    if (i > 0) sum.inputs.push_back(sums[i - 1].outputs[0]);
    sum.outputs = {is_last ? whole->outputs[0] : operations.add_value()};
    if (is_last) continue;
    sum.plan.rectifies = false;
    sum.plan.ceiling = std::numeric_limits<double>::infinity();
  }
  for (auto& sum : sums) operations.list.insert(whole, std::move(sum));
  operations.list.erase(joining);
  operations.list.erase(whole);
}

bool can_split(const Operation& step) {
  return step.is_convolution() && step.inputs.size() == 1 &&
         step.plan.precision == torch::kFloat32 &&
         (step.plan.is_depthwise() ||
          (step.plan.is_pointwise() && step.plan.groups == 1));
}

void split_joined(Operations& operations) {
  auto& list = operations.list;
  for (auto place = list.begin(); place != list.end();) {
    const auto whole = place++;
    if (!can_split(*whole)) continue;
    const Uses uses(operations);
    const auto parts = joined_parts(uses, *whole);
    if (parts.empty()) continue;
    const auto joining = uses.place(whole->inputs[0]);
    if (whole->plan.is_depthwise()) {
      split_depthwise(operations, whole, parts, joining);
    } else {
      split_pointwise(operations, uses, whole, parts, joining);
    }
  }
}

/// Removes operations whose results nothing reads.
void remove_unread(Operations& operations) {
  auto& list = operations.list;
  const Uses uses(operations);
  std::vector<int> readers;
  readers.reserve(static_cast<size_t>(operations.value_count));
  for (int value = 0; value < operations.value_count; ++value) {
    readers.push_back(uses.readers(value));
  }
  for (auto place = list.end(); place != list.begin();) {
    --place;
    const bool is_read = std::any_of(
        place->outputs.begin(), place->outputs.end(),
        [&](int value) { return readers[static_cast<size_t>(value)] > 0; }
    );
    if (is_read) continue;
    for (const int value : place->inputs) --readers[static_cast<size_t>(value)];
    place = list.erase(place);
  }
}

}  // namespace

void optimize(Operations& operations) {
  widen_scores(operations);
  absorb_input_relus(operations);
  split_joined(operations);
  remove_unread(operations);
}

}  // namespace deeplab::compile
