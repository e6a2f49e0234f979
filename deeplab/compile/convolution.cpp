// SPDX-License-Identifier: Apache-2.0
#include "deeplab/compile/convolution.h"

#include <ATen/ops/conv2d.h>

#include "deeplab/compile/depthwise_loops.h"

namespace deeplab::compile {
namespace {

class PlainConvolution : public Convolution {
 public:
  PlainConvolution(
      const ConvolutionPlan& plan,
      const ConvolutionWeights& weights,
      torch::Device device
  )
      : plan_(plan),
        weight_(weights.folded()
                    .to(device, plan.precision)
                    .contiguous(kChannelsLast)),
        bias_(weights.bias.to(device, plan.precision)) {}

  torch::Tensor run(torch::Tensor input, torch::Tensor residual) override {
    input = input.to(plan_.precision);
    if (plan_.rectifies_input) input = input.relu();
    auto output = at::conv2d(
        input, weight_, bias_, plan_.stride, plan_.padding, plan_.dilation,
        plan_.groups
    );
    output = output.to(plan_.output);
    if (residual.defined()) output.add_(residual);
    if (plan_.rectifies) output.clamp_(0, plan_.ceiling);
    return output.contiguous(kChannelsLast);
  }

 private:
  ConvolutionPlan plan_;
  torch::Tensor weight_;
  torch::Tensor bias_;
};

}  // namespace

bool ConvolutionPlan::is_depthwise() const {
  return groups > 1 && groups == in_channels && groups == out_channels;
}

bool ConvolutionPlan::is_pointwise() const {
  constexpr std::array<int64_t, 2> kOne{1, 1};
  constexpr std::array<int64_t, 2> kNone{0, 0};
  return kernel == kOne && stride == kOne && padding == kNone;
}

std::array<int64_t, 2> ConvolutionPlan::output_size(const torch::Tensor& input
) const {
  std::array<int64_t, 2> size{};
  for (const size_t axis : {0U, 1U}) {
    const int64_t padded =
        input.size(static_cast<int64_t>(axis) + 2) + 2 * padding[axis];
    const int64_t reach = dilation[axis] * (kernel[axis] - 1);
    size[axis] = (padded - reach - 1) / stride[axis] + 1;
  }
  return size;
}

std::unique_ptr<Convolution> make_plain(
    const ConvolutionPlan& plan,
    const ConvolutionWeights& weights,
    torch::Device device
) {
  return std::make_unique<PlainConvolution>(plan, weights, device);
}

std::unique_ptr<Convolution> make_convolution(
    const ConvolutionPlan& plan,
    const ConvolutionWeights& weights,
    torch::Device device
) {
  if (device.is_cpu() && plan.is_depthwise() &&
      plan.in_channels >= kLeastChannels) {
    return make_depthwise(plan, weights);
  }
#ifdef DEEPLAB_HAS_ONEDNN
  if (device.is_cpu()) return make_onednn(plan, weights);
#endif
  return make_plain(plan, weights, device);
}

}  // namespace deeplab::compile
