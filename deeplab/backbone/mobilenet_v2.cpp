// SPDX-License-Identifier: Apache-2.0
#include "deeplab/backbone/mobilenet_v2.h"

#include <array>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>

#include "deeplab/nn/atrous.h"
#include "deeplab/nn/batch_norm_relu.h"

namespace deeplab::backbone {
namespace {

using torch::nn::BatchNorm2d;
using torch::nn::BatchNorm2dImpl;
using torch::nn::Conv2d;
using torch::nn::Conv2dImpl;
using torch::nn::ModuleList;
using torch::nn::ModuleListImpl;

Conv2d make_conv(int64_t in, int64_t out, int64_t kernel) {
  return Conv2d(
      torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2).bias(false)
  );
}

Conv2d make_depthwise(int64_t channels) {
  return Conv2d(torch::nn::Conv2dOptions(channels, channels, 3)
                    .padding(1)
                    .groups(channels)
                    .bias(false));
}

/// A convolution and its norm under torchvision's names, "0" and "1". Modules
/// are looked up by place, never kept: clone() makes new ones.
ModuleList conv_and_norm(const Conv2d& conv) {
  return ModuleList(conv, BatchNorm2d(conv->options.out_channels()));
}

torch::Tensor conv_norm(
    const ModuleListImpl& list, size_t first, const torch::Tensor& features
) {
  return list.ptr<BatchNorm2dImpl>(first + 1)->forward(
      list.ptr<Conv2dImpl>(first)->forward(features)
  );
}

torch::Tensor conv_norm_relu6(
    const ModuleListImpl& list, const torch::Tensor& features
) {
  return nn::batch_norm_relu(
      *list.ptr<BatchNorm2dImpl>(1),
      list.ptr<Conv2dImpl>(0)->forward(features),
      nn::ReluCeiling::kSix
  );
}

struct ResidualOptions {
  int64_t in_channels;
  int64_t out_channels;
  int64_t stride;
  int64_t expansion;
};

/// Expands by a 1x1, filters by a depthwise 3x3, projects by a linear 1x1.
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
    stages_->push_back(BatchNorm2d(options_.out_channels));
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
  /// Place of the last convolution, which has no ReLU.
  size_t linear() const { return stages_->size() - 2; }

  ResidualOptions options_;
  ModuleList stages_{nullptr};
};
TORCH_MODULE(InvertedResidual);

/// A row of table 2: expansion, channels, repetitions, stride of the first.
struct Row {
  int64_t expansion;
  int64_t channels;
  int64_t count;
  int64_t stride;
};
constexpr std::array kRows{
    Row{1, 16, 1, 1},
    Row{6, 24, 2, 2},
    Row{6, 32, 3, 2},
    Row{6, 64, 4, 2},
    Row{6, 96, 3, 1},
    Row{6, 160, 3, 2},
    Row{6, 320, 1, 1},
};
constexpr int64_t kStemChannels = 32;
/// The last of `features` at stride 4.
constexpr size_t kLowLevel = 3;

class MobileNetV2Impl : public BackboneImpl,
                        public torch::nn::Cloneable<MobileNetV2Impl> {
 public:
  MobileNetV2Impl() { reset(); }

  void reset() override {
    features_ = register_module("features", ModuleList());
    features_->push_back(conv_and_norm(make_conv(3, kStemChannels, 3)));
    int64_t channels = kStemChannels;
    for (const auto& row : kRows) {
      for (int64_t i = 0; i < row.count; ++i) {
        features_->push_back(InvertedResidual(ResidualOptions{
            channels, row.channels, i == 0 ? row.stride : 1, row.expansion}));
        channels = row.channels;
      }
    }
  }

  nn::Features forward(const torch::Tensor& images) override {
    nn::Features result;
    auto features = conv_norm_relu6(*stem(), images);
    for (size_t i = 1; i < features_->size(); ++i) {
      features = features_->ptr<InvertedResidualImpl>(i)->forward(features);
      if (i == kLowLevel) result.low = features;
    }
    result.high = features;
    return result;
  }

  void set_output_stride(OutputStride stride) override {
    nn::AtrousPlan plan(stride);
    plan.apply(*stem()->ptr<Conv2dImpl>(0), 2);
    for (size_t i = 1; i < features_->size(); ++i) {
      features_->ptr<InvertedResidualImpl>(i)->plan(plan);
    }
  }

  int64_t low_channels() const override { return kRows[1].channels; }
  int64_t high_channels() const override { return kRows.back().channels; }

 private:
  std::shared_ptr<ModuleListImpl> stem() const {
    return features_->ptr<ModuleListImpl>(0);
  }

  ModuleList features_{nullptr};
};

}  // namespace

std::shared_ptr<BackboneImpl> make_mobilenet_v2() {
  const auto network = std::make_shared<MobileNetV2Impl>();
  network->set_output_stride(OutputStride::k32);
  return network;
}

}  // namespace deeplab::backbone
