// SPDX-License-Identifier: Apache-2.0
#include "deeplab/backbone/mobilenet_v2.h"

#include <algorithm>
#include <array>

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>

#include "deeplab/core/error.h"
#include "deeplab/nn/atrous.h"
#include "deeplab/nn/batch_norm_relu.h"
#include "deeplab/nn/cloneable.h"
#include "deeplab/nn/norm.h"

namespace deeplab::backbone {
namespace {

using nn::Norm;
using nn::NormImpl;
using torch::nn::Conv2d;
using torch::nn::Conv2dImpl;
using torch::nn::ModuleList;
using torch::nn::ModuleListImpl;

using nn::make_conv;

Conv2d make_depthwise(int64_t channels) {
  return Conv2d(torch::nn::Conv2dOptions(channels, channels, 3)
                    .padding(1)
                    .groups(channels)
                    .bias(false));
}

/// Returns a convolution and its norm under torchvision's names, "0" and "1".
/// Code looks the modules up by index and keeps no handles to them, because
/// clone() replaces them.
ModuleList conv_and_norm(const Conv2d& conv) {
  return ModuleList(conv, Norm(conv->options.out_channels()));
}

torch::Tensor conv_norm(
    const ModuleListImpl& list, size_t first, const torch::Tensor& features
) {
  return nn::batch_norm(
      *list.ptr<NormImpl>(first + 1),
      list.ptr<Conv2dImpl>(first)->forward(features)
  );
}

torch::Tensor conv_norm_relu6(
    const ModuleListImpl& list, const torch::Tensor& features
) {
  return nn::batch_norm_relu(
      *list.ptr<NormImpl>(1), list.ptr<Conv2dImpl>(0)->forward(features),
      nn::ReluCeiling::kSix
  );
}

struct ResidualOptions {
  int64_t in_channels;
  int64_t out_channels;
  int64_t stride;
  int64_t expansion;
};

/// Inverted residual: a 1x1 convolution expands the channels, a depthwise 3x3
/// filters them, and a linear 1x1 projects them back.
class InvertedResidualImpl : public torch::nn::Cloneable<InvertedResidualImpl> {
 public:
  explicit InvertedResidualImpl(const ResidualOptions& options)
      : options_(options) {
    reset();
  }

  void reset() override {
    const int64_t hidden = options_.in_channels * options_.expansion;
    stages_ = register_module("conv", ModuleList());
    if (options_.expansion != 1) {
      stages_->push_back(
          conv_and_norm(make_conv(options_.in_channels, hidden, 1))
      );
    }
    stages_->push_back(conv_and_norm(make_depthwise(hidden)));
    stages_->push_back(make_conv(hidden, options_.out_channels, 1));
    stages_->push_back(Norm(options_.out_channels));
  }

  torch::Tensor forward(const torch::Tensor& features) {
    auto hidden = features;
    for (size_t i = 0; i < linear(); ++i) {
      hidden = conv_norm_relu6(*stages_->ptr<ModuleListImpl>(i), hidden);
    }
    hidden = conv_norm(*stages_, linear(), hidden);
    const bool keeps_shape =
        options_.stride == 1 && options_.in_channels == options_.out_channels;
    return keeps_shape ? hidden.add_(features) : hidden;
  }

  void plan(nn::AtrousPlan& plan) {
    const auto depthwise = stages_->ptr<ModuleListImpl>(linear() - 1);
    plan.apply(*depthwise->ptr<Conv2dImpl>(0), options_.stride);
  }

 private:
  /// Returns the index of the last convolution, which has no ReLU.
  size_t linear() const { return stages_->size() - 2; }

  ResidualOptions options_;
  ModuleList stages_{nullptr};
};
TORCH_MODULE(InvertedResidual);

/// A row of table 2: expansion factor, output channels, number of repetitions,
/// and stride of the first repetition.
struct Row {
  int64_t expansion;
  int64_t channels;
  int64_t count;
  int64_t stride;
};
constexpr std::array kRows{
    Row{1, 16, 1, 1}, Row{6, 24, 2, 2},  Row{6, 32, 3, 2},  Row{6, 64, 4, 2},
    Row{6, 96, 3, 1}, Row{6, 160, 3, 2}, Row{6, 320, 1, 1},
};
constexpr int64_t kStemChannels = 32;
/// The last entry of `features` at a level, and the row of kRows that it comes
/// from.
struct Tap {
  size_t feature;
  size_t row;
};
constexpr std::array kTaps{Tap{1, 0}, Tap{3, 1}, Tap{6, 2}, Tap{13, 4}};

/// Returns the multiple of 8 that is nearest to channels * width, or the next
/// one if that is more than 10 % below.
int64_t scaled(int64_t channels, double width) {
  constexpr int64_t kMultiple = 8;
  const double wanted = static_cast<double>(channels) * width;
  const auto nearest =
      static_cast<int64_t>(wanted + kMultiple / 2.0) / kMultiple * kMultiple;
  const int64_t rounded = std::max(kMultiple, nearest);
  return static_cast<double>(rounded) < 0.9 * wanted ? rounded + kMultiple
                                                     : rounded;
}

class MobileNetV2Impl : public nn::Implements<MobileNetV2Impl, BackboneImpl> {
 public:
  explicit MobileNetV2Impl(double width) : width_(width) { reset(); }

  void reset() override {
    features_ = register_module("features", ModuleList());
    int64_t channels = scaled(kStemChannels, width_);
    features_->push_back(conv_and_norm(make_conv(3, channels, 3)));
    for (const auto& row : kRows) {
      for (int64_t i = 0; i < row.count; ++i) {
        features_->push_back(InvertedResidual(ResidualOptions{
            channels, scaled(row.channels, width_), i == 0 ? row.stride : 1,
            row.expansion}));
        channels = scaled(row.channels, width_);
      }
    }
  }

  nn::Features forward(const torch::Tensor& images) override {
    nn::Features result;
    auto features = conv_norm_relu6(*stem(), images);
    size_t level = 0;
    for (size_t i = 1; i < features_->size(); ++i) {
      const auto unit = features_->ptr<InvertedResidualImpl>(i);
      const auto forward = [unit](const torch::Tensor& input) {
        return torch::autograd::variable_list{unit->forward(input)};
      };
      features = run_unit(*unit, forward, features)[0];
      if (level < kTaps.size() && i == kTaps[level].feature) {
        result.at[nn::kLevels[level++]] = features;
      }
    }
    result.high = features;
    return result;
  }

  OutputStride max_output_stride() const override { return OutputStride::k32; }

  nn::FeatureChannels channels() const override {
    nn::FeatureChannels channels;
    for (size_t i = 0; i < kTaps.size(); ++i) {
      channels.at[nn::kLevels[i]] =
          scaled(kRows[kTaps[i].row].channels, width_);
    }
    channels.high = scaled(kRows.back().channels, width_);
    return channels;
  }

 private:
  nn::FeatureGrids apply_output_stride(OutputStride stride) override {
    nn::FeatureGrids grids;
    nn::AtrousPlan plan(stride, nn::LostStride::kKeepsDilation);
    plan.apply(*stem()->ptr<Conv2dImpl>(0), 2);
    size_t level = 0;
    for (size_t i = 1; i < features_->size(); ++i) {
      features_->ptr<InvertedResidualImpl>(i)->plan(plan);
      if (level < kTaps.size() && i == kTaps[level].feature) {
        grids.at[nn::kLevels[level++]] = plan.grid();
      }
    }
    grids.high = plan.grid();
    return grids;
  }

  std::shared_ptr<ModuleListImpl> stem() const {
    return features_->ptr<ModuleListImpl>(0);
  }

  double width_;
  ModuleList features_{nullptr};
};

}  // namespace

Recipe prepare_mobilenet_v2(const BackboneOptions& options) {
  const double width = options.width.value_or(1);
  return {OutputStride::k32, [width] {
            return std::make_shared<MobileNetV2Impl>(width);
          }};
}

}  // namespace deeplab::backbone
