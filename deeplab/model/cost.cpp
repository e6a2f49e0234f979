// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/cost.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include <ATen/record_function.h>
#include <torch/library.h>

namespace deeplab::model {
namespace {

using Inputs = std::vector<c10::IValue>;

// Shape functions for the meta device (tensors without memory), which LibTorch
// 1.13 lacks for these operators.

int64_t convolved(
    int64_t side, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation
) {
  return (side + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
}

at::Tensor shape_convolution(
    const at::Tensor& input,
    const at::Tensor& weight,
    const c10::optional<at::Tensor>& /*bias*/,
    at::IntArrayRef stride,
    at::IntArrayRef padding,
    at::IntArrayRef dilation,
    bool /*transposed*/,
    at::IntArrayRef /*output_padding*/,
    int64_t /*groups*/
) {
  const auto side = [&](size_t i) {
    const auto axis = static_cast<int64_t>(i) + 2;
    return convolved(
        input.size(axis), weight.size(axis), stride[i], padding[i], dilation[i]
    );
  };
  return at::empty(
      {input.size(0), weight.size(0), side(0), side(1)}, input.options()
  );
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> shape_batch_norm(
    const at::Tensor& input,
    const c10::optional<at::Tensor>& /*weight*/,
    const c10::optional<at::Tensor>& /*bias*/,
    const c10::optional<at::Tensor>& /*running_mean*/,
    const c10::optional<at::Tensor>& /*running_var*/,
    bool /*training*/,
    double /*momentum*/,
    double /*eps*/
) {
  const auto none = at::empty({0}, input.options());
  return {at::empty_like(input), none, none};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> shape_group_norm(
    const at::Tensor& input,
    const c10::optional<at::Tensor>& /*weight*/,
    const c10::optional<at::Tensor>& /*bias*/,
    int64_t /*images*/,
    int64_t /*channels*/,
    int64_t /*pixels*/,
    int64_t /*groups*/,
    double /*eps*/
) {
  const auto none = at::empty({0}, input.options());
  return {at::empty_like(input), none, none};
}

at::Tensor shape_relu(const at::Tensor& input) { return at::empty_like(input); }

at::Tensor shape_adaptive_pool(
    const at::Tensor& input, at::IntArrayRef output_size
) {
  return at::empty(
      {input.size(0), input.size(1), output_size[0], output_size[1]},
      input.options()
  );
}

/// Receptive field of a feature map's values, and distance between the centers
/// of neighboring values, in pixels of the image.
struct Field {
  double size = 1;
  double step = 1;
};

constexpr double kAll = std::numeric_limits<double>::infinity();

/// Records the operators of one forward pass on the current thread.
class Observer {
 public:
  Observer(
      const torch::nn::Module& network, const at::Tensor& image, CountRule rule
  )
      : rule_(rule) {
    remember(image, Field());
    const std::string kWeight = ".weight";
    for (const auto& item : network.named_parameters()) {
      const auto& name = item.key();
      const auto dot = name.rfind(kWeight);
      names_[item.value().unsafeGetTensorImpl()] = name.substr(0, dot);
    }
  }

  void see(const std::string& op, const Inputs& in, const Inputs& out) {
    if (out.empty() || !out[0].isTensor() || !out[0].toTensor().defined()) {
      return;
    }
    const auto result = out[0].toTensor();
    auto field = joined(in);
    if (op == "aten::native_batch_norm" || op == "aten::native_group_norm") {
      add_norm(in, result);
    }
    if (!look(op, in, result, field)) {
      remember(result, field);
      return;
    }
    alive_.push_back(result);
    fields_[result.unsafeGetTensorImpl()] = field;
    if (op == "aten::convolution") add_layer(in, result, field);
  }

  const std::vector<LayerCost>& layers() const { return layers_; }
  double multiply_adds() const { return multiply_adds_; }

 private:
  /// Widens the field by the operator's kernel. Returns false if the operator
  /// has none.
  static bool look(
      const std::string& op,
      const Inputs& in,
      const at::Tensor& result,
      Field& field
  ) {
    if (op == "aten::convolution") {
      const int64_t kernel = in[1].toTensor().size(2);
      widen(field, kernel, in[3].toIntVector(), in[5].toIntVector());
    } else if (op == "aten::max_pool2d_with_indices") {
      const int64_t kernel = in[1].toIntVector()[0];
      widen(field, kernel, in[2].toIntVector(), in[4].toIntVector());
    } else if (op == "aten::avg_pool2d") {
      widen(field, in[1].toIntVector()[0], in[2].toIntVector(), {1});
    } else if (op == "aten::mean" || op == "aten::_adaptive_avg_pool2d") {
      field.size = kAll;
    } else if (op == "aten::upsample_bilinear2d") {
      const auto from = static_cast<double>(in[0].toTensor().size(2));
      field.size += field.step;
      field.step *= from / static_cast<double>(result.size(2));
    } else {
      return false;
    }
    return true;
  }

  static void widen(
      Field& field,
      int64_t kernel,
      const std::vector<int64_t>& stride,
      const std::vector<int64_t>& dilation
  ) {
    const auto reach = static_cast<double>((kernel - 1) * dilation[0]);
    field.size += reach * field.step;
    field.step *= static_cast<double>(stride.empty() ? kernel : stride[0]);
  }

  /// Returns the field of an operator without a kernel: the largest of its
  /// inputs.
  Field joined(const Inputs& in) const {
    Field field{0, 0};
    const auto join = [&](const at::Tensor& tensor) {
      const auto found = fields_.find(tensor.unsafeGetTensorImpl());
      if (found == fields_.end()) return;
      field.size = std::max(field.size, found->second.size);
      field.step = std::max(field.step, found->second.step);
    };
    for (const auto& value : in) {
      if (value.isTensor()) join(value.toTensor());
      if (!value.isTensorList()) continue;
      for (const auto& tensor : value.toTensorVector()) join(tensor);
    }
    return field;
  }

  /// Stores the field of a tensor. An operator that wraps another returns the
  /// same tensor again; then the step of the inner operator is kept and only
  /// the size may grow. Tensors with no known inputs have no field and are
  /// skipped.
  void remember(const at::Tensor& tensor, const Field& field) {
    if (field.size == 0) return;
    const auto [found, is_new] =
        fields_.emplace(tensor.unsafeGetTensorImpl(), field);
    if (is_new) alive_.push_back(tensor);
    found->second.size = std::max(found->second.size, field.size);
  }

  void add_layer(const Inputs& in, const at::Tensor& out, const Field& field) {
    const auto weight = in[1].toTensor();
    LayerCost layer;
    layer.name = names_.at(weight.unsafeGetTensorImpl());
    layer.kernel = weight.size(2);
    layer.stride = in[3].toIntVector()[0];
    layer.dilation = in[5].toIntVector()[0];
    layer.groups = in[8].toInt();
    layer.channels = out.size(1);
    layer.height = out.size(2);
    layer.width = out.size(3);
    layer.receptive_field = field.size;
    layer.parameters = weight.numel();
    if (in[2].isTensor() && in[2].toTensor().defined()) {
      layer.parameters += in[2].toTensor().numel();
    }
    const int64_t grid = rule_ == CountRule::kPaper ? layer.dilation : 1;
    const auto padded = [&](int64_t side) {
      return (side + grid - 1) / grid * grid;
    };
    layer.multiply_adds = static_cast<double>(weight.numel()) *
                          static_cast<double>(padded(layer.height)) *
                          static_cast<double>(padded(layer.width));
    multiply_adds_ += layer.multiply_adds;
    makers_[out.unsafeGetTensorImpl()] = layers_.size();
    layers_.push_back(layer);
  }

  void add_norm(const Inputs& in, const at::Tensor& out) {
    const double cost =
        rule_ == CountRule::kPaper ? 0.5 * static_cast<double>(out.numel()) : 0;
    multiply_adds_ += cost;
    const auto found = makers_.find(in[0].toTensor().unsafeGetTensorImpl());
    if (found == makers_.end()) return;
    auto& layer = layers_[found->second];
    layer.multiply_adds += cost;
    layer.parameters += in[1].toTensor().numel() + in[2].toTensor().numel();
  }

  CountRule rule_;
  std::unordered_map<const at::TensorImpl*, std::string> names_;
  std::unordered_map<const at::TensorImpl*, Field> fields_;
  /// Maps the output of a convolution to its index in layers_.
  std::unordered_map<const at::TensorImpl*, size_t> makers_;
  /// Keeps all outputs alive, so that their addresses are not reused.
  std::vector<at::Tensor> alive_;
  std::vector<LayerCost> layers_;
  double multiply_adds_ = 0;
};

/// Receiver of the callbacks, which must be plain functions.
thread_local Observer* watching = nullptr;

struct CallInputs : at::ObserverContext {
  Inputs values;
};

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& call) {
  auto context = std::make_unique<CallInputs>();
  const auto inputs = call.inputs();
  context->values.assign(inputs.begin(), inputs.end());
  return context;
}

void on_end(const at::RecordFunction& call, at::ObserverContext* context) {
  watching->see(
      call.name(), static_cast<CallInputs*>(context)->values, call.outputs()
  );
}

/// Sends the operators of this thread to an observer during its lifetime.
class Watch {
 public:
  explicit Watch(Observer& observer)
      : handle_(at::addThreadLocalCallback(
            at::RecordFunctionCallback(on_start, on_end)
                .needsInputs(true)
                .needsOutputs(true)
                .scopes({at::RecordScope::FUNCTION})
        )) {
    watching = &observer;
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    at::removeCallback(handle_);
    watching = nullptr;
  }

 private:
  at::CallbackHandle handle_;
};

int64_t scaled(int64_t side, double scale) {
  return static_cast<int64_t>(
      std::lround(static_cast<double>(side - 1) * scale + 1)
  );
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, Meta, library) {
  library.impl("convolution_overrideable", TORCH_FN(shape_convolution));
  library.impl("native_batch_norm", TORCH_FN(shape_batch_norm));
  library.impl("native_group_norm", TORCH_FN(shape_group_norm));
  library.impl("relu", TORCH_FN(shape_relu));
  library.impl("_adaptive_avg_pool2d", TORCH_FN(shape_adaptive_pool));
}

NetworkCost measure_cost(DeepLab network, const CostOptions& options) {
  torch::NoGradGuard no_grad;
  const bool was_training = network->is_training();
  network->eval();
  NetworkCost cost;
  for (const auto& parameter : network->parameters()) {
    cost.parameters += parameter.numel();
  }
  for (const double scale : options.scales) {
    const auto image = torch::empty(
        {1, 3, scaled(options.height, scale), scaled(options.width, scale)},
        torch::kMeta
    );
    Observer observer(*network, image, options.rule);
    {
      const Watch watch(observer);
      network->forward(image);
    }
    if (cost.layers.empty()) cost.layers = observer.layers();
    cost.multiply_adds += observer.multiply_adds() * (options.flip ? 2 : 1);
  }
  network->train(was_training);
  return cost;
}

std::vector<LayerCost> degenerate_layers(const NetworkCost& cost) {
  std::vector<LayerCost> result;
  // A layer may run several times, on feature maps of different sizes.
  std::set<std::string> trained;
  for (const auto& layer : cost.layers) {
    const int64_t reach = layer.dilation * (layer.kernel - 1) / 2;
    const bool sees = reach < std::max(layer.height, layer.width);
    if (sees || layer.stride > 1) trained.insert(layer.name);
  }
  for (const auto& layer : cost.layers) {
    if (trained.insert(layer.name).second) result.push_back(layer);
  }
  return result;
}

}  // namespace deeplab::model
