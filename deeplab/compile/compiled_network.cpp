// SPDX-License-Identifier: Apache-2.0
#include "deeplab/compile/compiled_network.h"

#include <memory>
#include <utility>

#include <ATen/ops/cat.h>

#include "deeplab/compile/operations.h"
#include "deeplab/compile/optimize.h"
#include "deeplab/compile/read_graph.h"
#include "deeplab/compile/resize.h"
#include "deeplab/model/evaluation_mode.h"
#include "deeplab/model/trace.h"
#include "deeplab/nn/whole_resize.h"

namespace deeplab::compile {
namespace {

using Run = std::function<Values(Values inputs)>;

Run convolution(const Operation& operation, torch::Device device) {
  const auto packed = std::shared_ptr<Convolution>(
      make_convolution(operation.plan, operation.weights, device)
  );
  return [packed](Values inputs) {
    auto input = std::move(inputs[0]).toTensor();
    torch::Tensor residual;
    if (inputs.size() > 1) residual = std::move(inputs[1]).toTensor();
    return Values{packed->run(std::move(input), std::move(residual))};
  };
}

Values concatenate(Values inputs) {
  std::vector<torch::Tensor> parts;
  for (auto& input : inputs) parts.push_back(std::move(input).toTensor());
  return {at::cat(parts, 1)};
}

class CompiledNetwork {
 public:
  CompiledNetwork(Operations operations, torch::Device device)
      : value_count_(static_cast<size_t>(operations.value_count)),
        input_(static_cast<size_t>(operations.input)),
        output_(static_cast<size_t>(operations.output)) {
    // The operations are released one by one, since each holds weights.
    while (!operations.list.empty()) {
      add(std::move(operations.list.front()), device);
      operations.list.pop_front();
    }
    find_last_uses();
  }

  torch::Tensor run(const torch::Tensor& images) const {
    Values values(value_count_);
    values[input_] = images;
    for (const auto& step : steps_) {
      Values inputs;
      for (const auto& input : step.inputs) {
        auto& value = values[input.value];
        inputs.push_back(
            input.is_last_use ? std::exchange(value, c10::IValue()) : value
        );
      }
      auto outputs = step.run(std::move(inputs));
      for (size_t i = 0; i < outputs.size(); ++i) {
        values[step.outputs[i]] = std::move(outputs[i]);
      }
    }
    return values[output_].toTensor();
  }

 private:
  struct Input {
    size_t value;
    bool is_last_use;
  };
  struct Step {
    std::vector<Input> inputs;
    std::vector<size_t> outputs;
    Run run;
  };

  void add(Operation operation, torch::Device device) {
    Step step;
    for (const int value : operation.inputs) {
      step.inputs.push_back({static_cast<size_t>(value), false});
    }
    step.outputs.assign(operation.outputs.begin(), operation.outputs.end());
    switch (operation.kind) {
      case Operation::Kind::kConvolution:
        step.run = convolution(operation, device);
        break;
      case Operation::Kind::kConcatenation:
        step.run = concatenate;
        break;
      case Operation::Kind::kResize:
        step.run = resizing(operation);
        break;
      case Operation::Kind::kOther:
        step.run = std::move(operation.run);
        break;
    }
    steps_.push_back(std::move(step));
  }

  Run resizing(const Operation& operation) const {
    const bool is_last = static_cast<size_t>(operation.outputs[0]) == output_;
    const auto format = is_last ? MapFormat::kPlanes : MapFormat::kLast;
    return [resampling = operation.resampling, format](const Values& inputs) {
      return Values{resize(
          inputs[0].toTensor(), inputs[1].toTensor(), resampling, format
      )};
    };
  }

  void find_last_uses() {
    std::vector<bool> is_needed(value_count_);
    is_needed[output_] = true;
    // Backwards, the first use that is met is the last one.
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
      auto& inputs = step->inputs;
      for (auto input = inputs.rbegin(); input != inputs.rend(); ++input) {
        input->is_last_use = !is_needed[input->value];
        is_needed[input->value] = true;
      }
    }
  }

  size_t value_count_;
  size_t input_;
  size_t output_;
  std::vector<Step> steps_;
};

}  // namespace

Segmenter compile(model::DeepLab network, torch::ScalarType precision) {
  const torch::NoGradGuard no_grad;
  const model::EvaluationMode mode(*network);
  const nn::TraceWholeResizes whole;
  const auto script = model::trace(network, [&](const torch::Tensor& images) {
    return network->forward(images);
  });
  auto operations = read_graph(script, precision);
  optimize(operations);
  const auto device = network->parameters().front().device();
  const auto compiled =
      std::make_shared<CompiledNetwork>(std::move(operations), device);
  return [compiled](const torch::Tensor& images) {
    const torch::NoGradGuard no_gradients;
    return compiled->run(images);
  };
}

}  // namespace deeplab::compile
