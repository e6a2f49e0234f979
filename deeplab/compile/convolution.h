// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <limits>
#include <memory>

#include <torch/types.h>

namespace deeplab::compile {

constexpr auto kChannelsLast = torch::MemoryFormat::ChannelsLast;

/// A convolution with everything that follows it up to the next one:
/// min(relu(convolution(input) + bias + residual), ceiling), or without ReLU.
struct ConvolutionPlan {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  /// Height and width of the kernel, and likewise below.
  std::array<int64_t, 2> kernel{1, 1};
  std::array<int64_t, 2> stride{1, 1};
  std::array<int64_t, 2> padding{0, 0};
  std::array<int64_t, 2> dilation{1, 1};
  int64_t groups = 1;
  /// Applies a ReLU to the input first.
  bool rectifies_input = false;
  /// Applies a ReLU to the output, limited by `ceiling` (6 for a ReLU6).
  bool rectifies = false;
  double ceiling = std::numeric_limits<double>::infinity();
  /// Type of the input and the weights. Sums are always float32.
  torch::ScalarType precision = torch::kFloat32;
  /// Type of the output.
  torch::ScalarType output = torch::kFloat32;

  /// Returns whether each output channel is computed from the input channel of
  /// the same index alone.
  bool is_depthwise() const;
  /// Returns whether each output pixel is computed from the input pixel at the
  /// same place alone.
  bool is_pointwise() const;
  /// Returns the output's height and width.
  std::array<int64_t, 2> output_size(const torch::Tensor& input) const;
};

/// The numbers of a convolution. The weight is the network's own tensor, so
/// that folded copies of all weights are never held at the same time.
struct ConvolutionWeights {
  /// [out, in / groups, kernel height, kernel width]
  torch::Tensor weight;
  /// Float64 [out].
  torch::Tensor bias;
  /// Factor on the weight, float64 [out]; undefined: 1.
  torch::Tensor scale{};

  /// Returns the weight times its scale, in float64.
  torch::Tensor folded() const {
    const auto wide = weight.to(torch::kFloat64);
    return scale.defined() ? wide * scale.view({-1, 1, 1, 1}) : wide;
  }
};

/// A convolution whose weights are packed for one device.
class Convolution {
 public:
  virtual ~Convolution() = default;

  /// Shapes: [N, in, h, w] -> [N, out, h', w'] in channels_last format.
  /// `residual`, of the output's shape or [N, out, 1, 1], is added before the
  /// ReLU unless it is undefined. Its memory becomes the output's if nothing
  /// else refers to it.
  virtual torch::Tensor run(torch::Tensor input, torch::Tensor residual) = 0;
};

/// Returns the fastest convolution for the device: on a CPU an own kernel if
/// the plan is depthwise, else oneDNN's if the library was built with it;
/// LibTorch's otherwise.
std::unique_ptr<Convolution> make_convolution(
    const ConvolutionPlan& plan,
    const ConvolutionWeights& weights,
    torch::Device device
);

/// The three kinds of convolution between which make_convolution() chooses.
std::unique_ptr<Convolution> make_depthwise(
    const ConvolutionPlan& plan, const ConvolutionWeights& weights
);
std::unique_ptr<Convolution> make_plain(
    const ConvolutionPlan& plan,
    const ConvolutionWeights& weights,
    torch::Device device
);
#ifdef DEEPLAB_HAS_ONEDNN
std::unique_ptr<Convolution> make_onednn(
    const ConvolutionPlan& plan, const ConvolutionWeights& weights
);
#endif

}  // namespace deeplab::compile
