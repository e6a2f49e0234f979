// SPDX-License-Identifier: Apache-2.0
#include "deeplab/compile/read_graph.h"

#include <iterator>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/remove_mutation.h>

namespace deeplab::compile {
namespace {

namespace jit = torch::jit;

std::string name_of(const jit::Node& node) {
  return node.kind().toQualString();
}

/// Returns whether an operator of LibTorch only passes its first input on.
bool is_transparent(const std::string& name) {
  return name == "aten::dropout" || name == "aten::contiguous" ||
         name == "aten::detach";
}

void remove_transparent(jit::Graph& graph) {
  for (auto node = graph.nodes().begin(); node != graph.nodes().end(); ++node) {
    if (!is_transparent(name_of(**node))) continue;
    node->output()->replaceAllUsesWith(node->input(0));
    node.destroyCurrent();
  }
}

/// Returns whether an operator of LibTorch works on maps of 16-bit floats.
bool takes_narrow(const std::string& name) {
  static const std::unordered_set<std::string> kNames{
      "aten::adaptive_avg_pool2d",
      "aten::add",
      "aten::avg_pool2d",
      "aten::clamp",
      "aten::constant_pad_nd",
      "aten::expand",
      "aten::max_pool2d",
      "aten::maximum",
      "aten::mean",
      "aten::relu",
      "aten::size",
      "aten::slice",
      "deeplab::rescale"};
  return kNames.count(name) > 0;
}

void widen(Values& values) {
  for (auto& value : values) {
    if (!value.isTensor()) continue;
    const auto type = value.toTensor().scalar_type();
    if (type == torch::kBFloat16 || type == torch::kFloat16) {
      value = value.toTensor().to(torch::kFloat32);
    }
  }
}

/// Arguments of an operator; those that are not constant are unset.
using Arguments = std::vector<std::optional<c10::IValue>>;

/// Sets the unset arguments to `inputs`.
Values filled(const Arguments& arguments, Values inputs) {
  Values result;
  auto next = inputs.begin();
  for (const auto& argument : arguments) {
    if (argument) {
      result.push_back(*argument);
    } else {
      result.push_back(std::move(*next++));
    }
  }
  return result;
}

c10::IValue list_of(const c10::TypePtr& type, const Values& items) {
  c10::impl::GenericList list(type);
  for (const auto& item : items) list.push_back(item);
  return list;
}

class GraphReader {
 public:
  GraphReader(const jit::Module& module, torch::ScalarType precision)
      : precision_(precision),
        graph_(module.get_method("forward").graph()->copy()) {
    jit::Inline(*graph_);
    jit::RemoveTensorMutation(graph_);
    remove_transparent(*graph_);
    constants_[graph_->inputs().at(0)] = module._ivalue();
    numbers_[graph_->inputs().at(1)] = result_.input = result_.add_value();
  }

  Operations read() {
    for (auto* node : graph_->nodes()) add(*node);
    result_.output = numbers_.at(graph_->outputs().at(0));
    return std::move(result_);
  }

 private:
  const c10::IValue* constant(const jit::Value* value) const {
    const auto found = constants_.find(value);
    return found == constants_.end() ? nullptr : &found->second;
  }

  torch::Tensor numbers(const jit::Value* value) const {
    return constants_.at(value).toTensor().detach().to(torch::kFloat64);
  }

  void add(jit::Node& node) {
    const auto name = name_of(node);
    TORCH_CHECK(node.blocks().empty(), "forward() has a branch: ", name);
    TORCH_CHECK(name.back() != '_', "forward() changes a value: ", name);
    if (add_constant(node) || absorb(node, name) || add_known(node, name)) {
      return;
    }
    add_other(node, name);
  }

  bool add_constant(const jit::Node& node) {
    const auto name = name_of(node);
    if (name == "prim::Constant") {
      constants_[node.output()] = *jit::toIValue(node.output());
      return true;
    }
    if (name == "prim::GetAttr") {
      const auto& object = constants_.at(node.input());
      constants_[node.output()] = object.toObjectRef().getAttr(
          node.s(c10::Symbol::fromQualString("attr::name"))
      );
      return true;
    }
    if (name != "prim::ListConstruct") return false;
    Values items;
    for (const auto* input : node.inputs()) {
      if (constant(input) == nullptr) return false;
      items.push_back(*constant(input));
    }
    constants_[node.output()] = list_of(item_type(node), items);
    return true;
  }

  static c10::TypePtr item_type(const jit::Node& node) {
    return node.output()->type()->expectRef<c10::ListType>().getElementType();
  }

  /// Makes an operator part of the convolution before it, if that is possible.
  bool absorb(const jit::Node& node, const std::string& name) {
    if (name == "aten::batch_norm") return absorb_norm(node);
    if (name == "aten::add") return absorb_sum(node);
    if (name == "aten::relu") {
      return absorb_relu(node, std::numeric_limits<double>::infinity());
    }
    if (name != "aten::clamp") return false;
    const auto* floor = constant(node.input(1));
    const auto* ceiling = constant(node.input(2));
    if (floor == nullptr || ceiling == nullptr || !floor->isScalar() ||
        !ceiling->isScalar() || floor->toScalar().toDouble() != 0) {
      return false;
    }
    return absorb_relu(node, ceiling->toScalar().toDouble());
  }

  using Place = std::list<Operation>::iterator;

  /// Returns the convolution that computes `value`, if nothing else reads the
  /// value, and no ReLU ends the convolution.
  std::optional<Place> open_convolution(const jit::Value* value) {
    if (numbers_.count(value) == 0) return {};
    const auto found = producers_.find(numbers_.at(value));
    if (found == producers_.end() || value->uses().size() != 1) return {};
    const auto place = found->second;
    if (!place->is_convolution() || place->plan.rectifies) return {};
    return place;
  }

  bool absorb_norm(const jit::Node& node) {
    const auto place = open_convolution(node.input(0));
    if (!place || (*place)->inputs.size() > 1) return false;
    const double eps = constants_.at(node.input(7)).toDouble();
    const auto scale =
        numbers(node.input(1)) / (numbers(node.input(4)) + eps).sqrt();
    auto& weights = (*place)->weights;
    weights.scale = weights.scale.defined() ? weights.scale * scale : scale;
    weights.bias = (weights.bias - numbers(node.input(3))) * scale +
                   numbers(node.input(2));
    take_over(*place, node);
    return true;
  }

  bool absorb_relu(const jit::Node& node, double ceiling) {
    const auto place = open_convolution(node.input(0));
    if (!place) return false;
    (*place)->plan.rectifies = true;
    (*place)->plan.ceiling = ceiling;
    take_over(*place, node);
    return true;
  }

  bool absorb_sum(const jit::Node& node) {
    const auto* factor = constant(node.input(2));
    if (factor == nullptr || factor->toScalar().toDouble() != 1) return false;
    for (const size_t index : {1U, 0U}) {
      const auto* other = node.input(1 - index);
      const auto place = open_convolution(node.input(index));
      if (!place || (*place)->inputs.size() > 1 || constant(other) != nullptr) {
        continue;
      }
      (*place)->inputs.push_back(numbers_.at(other));
      take_over(*place, node);
      // The residual may be computed after the convolution's own place.
      result_.list.splice(result_.list.end(), result_.list, *place);
      return true;
    }
    return false;
  }

  /// Makes the node's output that of the operation.
  void take_over(Place place, const jit::Node& node) {
    numbers_[node.output()] = place->outputs[0];
  }

  bool add_known(const jit::Node& node, const std::string& name) {
    if (name == "aten::_convolution") return add_convolution(node);
    if (name == "aten::cat") return add_concatenation(node);
    if (name != "deeplab::resize_like") return false;
    Operation operation{Operation::Kind::kResize};
    const auto number = [&](size_t index) {
      return constants_.at(node.input(index)).toDouble();
    };
    operation.resampling = {
        static_cast<nn::Alignment>(constants_.at(node.input(2)).toInt()),
        {number(3), number(4)},
        {number(5), number(6)}};
    operation.inputs = {numbers_.at(node.input(0)), numbers_.at(node.input(1))};
    append(std::move(operation), node);
    return true;
  }

  bool add_convolution(const jit::Node& node) {
    if (constant(node.input(1)) == nullptr ||
        constants_.at(node.input(6)).toBool()) {
      return false;
    }
    Operation operation{Operation::Kind::kConvolution};
    auto& plan = operation.plan;
    const auto weight = constants_.at(node.input(1)).toTensor().detach();
    plan.out_channels = weight.size(0);
    operation.weights = {
        weight,
        constants_.at(node.input(2)).isTensor()
            ? numbers(node.input(2))
            : torch::zeros(
                  plan.out_channels, weight.options().dtype(torch::kFloat64)
              )};
    const auto pair = [&](size_t index) -> std::array<int64_t, 2> {
      const auto values = constants_.at(node.input(index)).toIntVector();
      return {values.at(0), values.at(1)};
    };
    plan.kernel = {weight.size(2), weight.size(3)};
    plan.stride = pair(3);
    plan.padding = pair(4);
    plan.dilation = pair(5);
    plan.groups = constants_.at(node.input(8)).toInt();
    plan.in_channels = weight.size(1) * plan.groups;
    plan.precision = precision_;
    plan.output = precision_;
    operation.inputs = {numbers_.at(node.input(0))};
    append(std::move(operation), node);
    return true;
  }

  bool add_concatenation(const jit::Node& node) {
    const auto* list = node.input(0)->node();
    if (constants_.at(node.input(1)).toInt() != 1 ||
        name_of(*list) != "prim::ListConstruct") {
      return false;
    }
    Operation operation{Operation::Kind::kConcatenation};
    for (const auto* part : list->inputs()) {
      if (constant(part) != nullptr) return false;
      operation.inputs.push_back(numbers_.at(part));
    }
    append(std::move(operation), node);
    return true;
  }

  void add_other(jit::Node& node, const std::string& name) {
    Operation operation{Operation::Kind::kOther};
    operation.name = name;
    Arguments arguments;
    for (const auto* input : node.inputs()) {
      arguments.emplace_back();
      if (const auto* value = constant(input)) {
        arguments.back() = *value;
      } else {
        operation.inputs.push_back(numbers_.at(input));
      }
    }
    if (name == "prim::ListConstruct") {
      operation.run = [arguments, type = item_type(node)](Values inputs) {
        return Values{list_of(type, filled(arguments, std::move(inputs)))};
      };
    } else {
      const auto count = static_cast<std::ptrdiff_t>(node.outputs().size());
      operation.run = [run = node.getOperation(), arguments, count,
                       is_narrow = takes_narrow(name)](Values inputs) mutable {
        if (!is_narrow) widen(inputs);
        auto stack = filled(arguments, std::move(inputs));
        run(stack);
        return Values(stack.end() - count, stack.end());
      };
    }
    append(std::move(operation), node);
  }

  void append(Operation operation, const jit::Node& node) {
    for (const auto* output : node.outputs()) {
      operation.outputs.push_back(numbers_[output] = result_.add_value());
    }
    result_.list.push_back(std::move(operation));
    const auto last = std::prev(result_.list.end());
    for (const int number : last->outputs) producers_[number] = last;
  }

  torch::ScalarType precision_;
  std::shared_ptr<jit::Graph> graph_;
  std::unordered_map<const jit::Value*, c10::IValue> constants_;
  /// The numbers of all values that are not constant.
  std::unordered_map<const jit::Value*, int> numbers_;
  std::unordered_map<int, Place> producers_;
  Operations result_;
};

}  // namespace

Operations read_graph(const jit::Module& module, torch::ScalarType precision) {
  const torch::NoGradGuard no_grad;
  return GraphReader(module, precision).read();
}

}  // namespace deeplab::compile
