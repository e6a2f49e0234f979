// SPDX-License-Identifier: Apache-2.0
#include "deeplab/backbone/mobilenet_v2.h"

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>

#include <array>

#include "deeplab/nn/atrous.h"
#include "deeplab/nn/batch_norm_relu.h"

namespace deeplab::backbone {
namespace {

using torch::nn::BatchNorm2d;
using torch::nn::Conv2d;
using torch::nn::Conv2dImpl;

struct ConvOptions {
  int64_t in_channels;
  int64_t out_channels;
  int64_t kernel;
  int64_t groups;
};

/// A convolution and its norm, registered under torchvision's names by those
/// who hold it.
struct ConvBn {
  Conv2d conv{nullptr};
  BatchNorm2d norm{nullptr};

  explicit ConvBn(const ConvOptions& options)
      : conv(torch::nn::Conv2dOptions(
                 options.in_channels, options.out_channels, options.kernel
        )
                 .padding(options.kernel / 2)
                 .groups(options.groups)
                 .bias(false)),
        norm(options.out_channels) {}

  torch::Tensor linear(const torch::Tensor& features) {
    return norm(conv(features));
  }
  torch::Tensor relu6(const torch::Tensor& features) {
    return nn::batch_norm_relu(*norm, conv(features), nn::ReluCeiling::kSix);
  }
};

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
    stages_.clear();
    if (options_.expansion != 1) {
      stages_.push_back(ConvBn({options_.in_channels, hidden, 1, 1}));
    }
    stages_.push_back(ConvBn({hidden, hidden, 3, hidden}));
    torch::nn::ModuleList names;
    for (const auto& stage : stages_) {
      names->push_back(torch::nn::ModuleList(stage.conv, stage.norm));
    }
    stages_.push_back(ConvBn({hidden, options_.out_channels, 1, 1}));
    names->push_back(stages_.back().conv);
    names->push_back(stages_.back().norm);
    register_module("conv", names);
  }

  torch::Tensor forward(const torch::Tensor& features) {
    auto hidden = features;
    for (size_t i = 0; i + 1 < stages_.size(); ++i) {
      hidden = stages_[i].relu6(hidden);
    }
    hidden = stages_.back().linear(hidden);
    const bool keeps_shape = options_.stride == 1 &&
                             options_.in_channels == options_.out_channels;
    return keeps_shape ? hidden.add_(features) : hidden;
  }

  void plan(nn::AtrousPlan& plan) {
    plan.apply(*stages_[stages_.size() - 2].conv, options_.stride);
  }

 private:
  ResidualOptions options_;
  std::vector<ConvBn> stages_;
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
    stem_ = ConvBn({3, kStemChannels, 3, 1});
    features_ = register_module("features", torch::nn::ModuleList());
    features_->push_back(torch::nn::ModuleList(stem_.conv, stem_.norm));
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
    auto features = stem_.relu6(images);
    for (size_t i = 1; i < features_->size(); ++i) {
      features = features_->ptr<InvertedResidualImpl>(i)->forward(features);
      if (i == kLowLevel) result.low = features;
    }
    result.high = features;
    return result;
  }

  void set_output_stride(OutputStride stride) override {
    nn::AtrousPlan plan(stride);
    plan.apply(*stem_.conv, 2);
    for (size_t i = 1; i < features_->size(); ++i) {
      features_->ptr<InvertedResidualImpl>(i)->plan(plan);
    }
  }

  int64_t low_channels() const override { return kRows[1].channels; }
  int64_t high_channels() const override { return kRows.back().channels; }

 private:
  ConvBn stem_{{3, kStemChannels, 3, 1}};
  torch::nn::ModuleList features_{nullptr};
};

}  // namespace

std::shared_ptr<BackboneImpl> make_mobilenet_v2() {
  const auto network = std::make_shared<MobileNetV2Impl>();
  network->set_output_stride(OutputStride::k32);
  return network;
}

}  // namespace deeplab::backbone
