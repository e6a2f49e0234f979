// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <deque>

#include <ATen/ops/empty.h>
#include <dnnl.hpp>

#include "deeplab/compile/convolution.h"

namespace deeplab::compile {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using Forward = dnnl::convolution_forward;

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& stream() {
  static thread_local dnnl::stream stream(cpu());
  return stream;
}

memory::data_type type_of(torch::ScalarType type) {
  return type == torch::kBFloat16 ? memory::data_type::bf16
                                  : memory::data_type::f32;
}

memory::desc maps(const torch::Tensor& values) {
  return {
      values.sizes().vec(), type_of(values.scalar_type()),
      memory::format_tag::nhwc};
}

memory view(const memory::desc& desc, const torch::Tensor& values) {
  return {desc, cpu(), values.data_ptr()};
}

torch::Tensor as_maps(const torch::Tensor& values, torch::ScalarType type) {
  return values.to(type).contiguous(kChannelsLast);
}

/// Returns whether the memory of `values` may be overwritten: nothing else
/// refers to it.
bool is_unshared(const torch::Tensor& values) {
  return values.use_count() == 1 && values.storage().use_count() == 1;
}

class OneDnnConvolution : public Convolution {
 public:
  OneDnnConvolution(
      const ConvolutionPlan& plan, const ConvolutionWeights& weights
  )
      : plan_(plan), bias_(weights.bias.to(torch::kFloat32).contiguous()) {
    const auto tag =
        plan.groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw;
    const auto weight = weights.folded().to(torch::kFloat32).contiguous();
    pack(
        view({weight_dims(), memory::data_type::f32, tag}, weight),
        {weight_dims(), type_of(plan.precision), tag}
    );
  }

  torch::Tensor run(torch::Tensor input, torch::Tensor residual) override {
    input = as_maps(input, plan_.precision);
    if (plan_.rectifies_input) input = input.relu();
    const bool adds = residual.defined();
    const auto size = plan_.output_size(input);
    const std::vector<int64_t> sizes{
        input.size(0), plan_.out_channels, size[0], size[1]};
    torch::Tensor output;
    if (adds && residual.sizes() == sizes &&
        residual.scalar_type() == plan_.output &&
        residual.is_contiguous(kChannelsLast) && is_unshared(residual)) {
      output = std::move(residual);
    } else {
      output = at::empty(
          sizes,
          input.options().dtype(plan_.output).memory_format(kChannelsLast)
      );
      if (adds) output.copy_(residual);
    }
    auto& kernel = kernel_for(input, output, adds);
    kernel.primitive.execute(
        stream(), {{DNNL_ARG_SRC, view(kernel.desc.src_desc(), input)},
                   {DNNL_ARG_WEIGHTS, *kernel.weights},
                   {DNNL_ARG_BIAS, view(kernel.desc.bias_desc(), bias_)},
                   {DNNL_ARG_DST, view(kernel.desc.dst_desc(), output)}}
    );
    stream().wait();
    return output;
  }

 private:
  /// The convolution for one size of the input.
  struct Kernel {
    std::vector<int64_t> input;
    bool adds;
    Forward::primitive_desc desc;
    Forward primitive;
    /// One of packed_.
    const memory* weights;
  };

  Kernel& kernel_for(
      const torch::Tensor& input, const torch::Tensor& output, bool adds
  ) {
    for (auto& kernel : kernels_) {
      if (kernel.adds == adds && input.sizes() == kernel.input) return kernel;
    }
    // Images of many sizes must not fill the memory.
    constexpr size_t kMostKernels = 16;
    if (kernels_.size() == kMostKernels) kernels_.pop_front();
    auto desc = describe(input, output, adds);
    Forward primitive(desc);
    const auto* weights = &packed(desc.weights_desc());
    kernels_.push_back(
        {input.sizes().vec(), adds, std::move(desc), std::move(primitive),
         weights}
    );
    return kernels_.back();
  }

  Forward::primitive_desc describe(
      const torch::Tensor& input, const torch::Tensor& output, bool adds
  ) const {
    dnnl::post_ops after;
    if (adds) after.append_sum(1);
    if (plan_.rectifies) append_limits(after);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(after);
    const memory::desc weights(
        weight_dims(), type_of(plan_.precision), memory::format_tag::any
    );
    const memory::desc bias(
        {plan_.out_channels}, memory::data_type::f32, memory::format_tag::x
    );
    const auto dims = [](const std::array<int64_t, 2>& values) {
      return memory::dims(values.begin(), values.end());
    };
    // oneDNN counts the pixels between taps.
    const memory::dims gaps{plan_.dilation[0] - 1, plan_.dilation[1] - 1};
    constexpr auto kInference = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR < 3
    const Forward::desc convolution(
        kInference, algorithm::convolution_direct, maps(input), weights, bias,
        maps(output), dims(plan_.stride), gaps, dims(plan_.padding),
        dims(plan_.padding)
    );
    return {convolution, attributes, cpu()};
#else
    return {
        cpu(),
        kInference,
        algorithm::convolution_direct,
        maps(input),
        weights,
        bias,
        maps(output),
        dims(plan_.stride),
        gaps,
        dims(plan_.padding),
        dims(plan_.padding),
        attributes};
#endif
  }

  /// oneDNN's plain ReLU and clip turn a NaN into a number, which would hide
  /// that a training has diverged. Its leaky ReLU keeps it.
  void append_limits(dnnl::post_ops& after) const {
    const auto ceiling = static_cast<float>(plan_.ceiling);
    append_relu(after);
    if (std::isinf(plan_.ceiling)) return;
    // min(x, ceiling) = ceiling - relu(ceiling - x)
    append(after, algorithm::eltwise_linear, -1, ceiling);
    append_relu(after);
    append(after, algorithm::eltwise_linear, -1, ceiling);
  }

  static void append_relu(dnnl::post_ops& after) {
    constexpr float kSlope = 1e-30F;
    append(after, algorithm::eltwise_relu, kSlope, 0);
  }

  static void append(
      dnnl::post_ops& after, algorithm kind, float alpha, float beta
  ) {
#if DNNL_VERSION_MAJOR < 3
    after.append_eltwise(1, kind, alpha, beta);
#else
    after.append_eltwise(kind, alpha, beta);
#endif
  }

  memory::dims weight_dims() const {
    memory::dims dims{
        plan_.out_channels / plan_.groups, plan_.in_channels / plan_.groups,
        plan_.kernel[0], plan_.kernel[1]};
    if (plan_.groups > 1) dims.insert(dims.begin(), plan_.groups);
    return dims;
  }

  /// Returns the weights in the layout that a kernel wants.
  const memory& packed(const memory::desc& wanted) {
    for (const auto& weights : packed_) {
      if (weights.get_desc() == wanted) return weights;
    }
    const bool is_first = kernels_.empty();
    pack(packed_.front(), wanted);
    // No kernel uses the layout in which the constructor left them.
    if (is_first) packed_.pop_front();
    return packed_.back();
  }

  void pack(const memory& weights, const memory::desc& wanted) {
    packed_.emplace_back(wanted, cpu());
    auto source = weights;
    dnnl::reorder(source, packed_.back())
        .execute(stream(), source, packed_.back());
    stream().wait();
  }

  ConvolutionPlan plan_;
  torch::Tensor bias_;
  std::deque<Kernel> kernels_;
  std::deque<memory> packed_;
};

}  // namespace

std::unique_ptr<Convolution> make_onednn(
    const ConvolutionPlan& plan, const ConvolutionWeights& weights
) {
  return std::make_unique<OneDnnConvolution>(plan, weights);
}

}  // namespace deeplab::compile
