// SPDX-License-Identifier: Apache-2.0
#include "deeplab/backbone/vgg.h"

#include <array>

#include <torch/nn/functional/pooling.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>

#include "deeplab/core/error.h"
#include "deeplab/nn/atrous.h"
#include "deeplab/nn/batch_norm_relu.h"
#include "deeplab/nn/cloneable.h"
#include "deeplab/nn/max_pool.h"
#include "deeplab/nn/norm.h"

namespace deeplab::backbone {
namespace {

using nn::Norm;
using nn::NormImpl;
using torch::nn::Conv2d;
using torch::nn::Conv2dImpl;
using torch::nn::ReLU;
using torch::nn::ReLUImpl;

/// Column D of table 1: the number of convolutions before each pool, and their
/// output channels.
struct Stage {
  int64_t convs;
  int64_t channels;
};
constexpr std::array kStages{
    Stage{2, 64}, Stage{2, 128}, Stage{3, 256}, Stage{3, 512}, Stage{3, 512}};

/// The BackboneOptions after they were checked, with VGG's defaults.
struct VggOptions {
  VggOptions(bool with_norms, const BackboneOptions& options)
      : batch_norm(with_norms),
        pool(options.pool_kernel.value_or(2)),
        average_pool(options.average_pool.value_or(false)) {
    pool.ceil_mode(options.ceil_mode.value_or(true));
    pool.dilatable(options.dilate_pools.value_or(true));
  }

  bool batch_norm;
  nn::MaxPoolOptions pool;
  bool average_pool;
};

/// `features` holds the layers at the same indices as torchvision's VGG.
class VggImpl : public nn::Implements<VggImpl, BackboneImpl> {
 public:
  explicit VggImpl(const VggOptions& options) : options_(options) { reset(); }

  void reset() override {
    features_ = register_module("features", torch::nn::ModuleList());
    int64_t channels = 3;
    for (const auto& stage : kStages) {
      for (int64_t i = 0; i < stage.convs; ++i) {
        const auto conv =
            torch::nn::Conv2dOptions(channels, stage.channels, 3).padding(1);
        features_->push_back(Conv2d(conv));
        channels = stage.channels;
        if (options_.batch_norm) features_->push_back(Norm(channels));
        features_->push_back(ReLU());
      }
      features_->push_back(nn::MaxPool(options_.pool));
    }
  }

  nn::Features forward(const torch::Tensor& images) override {
    nn::Features result;
    auto features = images;
    size_t pools = 0;
    size_t first = 0;
    for (size_t i = 0; i < features_->size(); ++i) {
      if ((*features_)[i]->as<nn::MaxPoolImpl>() == nullptr) continue;
      const auto forward = [this, first, i](const torch::Tensor& input) {
        return torch::autograd::variable_list{run_layers(first, i, input)};
      };
      features = run_unit(*this, forward, features)[0];
      first = i + 1;
      if (pools < nn::kLevels.size()) result.at[nn::kLevels[pools]] = features;
      ++pools;
    }
    result.high = options_.average_pool ? smooth(features) : features;
    return result;
  }

  OutputStride max_output_stride() const override { return OutputStride::k32; }

  nn::FeatureChannels channels() const override {
    nn::FeatureChannels channels;
    for (const auto level : nn::kLevels) {
      channels.at[level] = kStages[static_cast<size_t>(level)].channels;
    }
    channels.high = kStages.back().channels;
    return channels;
  }

 private:
  nn::FeatureGrids apply_output_stride(OutputStride stride) override {
    nn::FeatureGrids grids;
    nn::AtrousPlan plan(stride, nn::LostStride::kKeepsDilation);
    size_t pools = 0;
    for (const auto& layer : *features_) {
      if (auto* conv = layer->as<Conv2dImpl>()) plan.apply(*conv, 1);
      auto* pool = layer->as<nn::MaxPoolImpl>();
      if (pool == nullptr) continue;
      plan.apply(*pool, 2);
      if (pools < nn::kLevels.size()) {
        grids.at[nn::kLevels[pools]] = plan.grid();
      }
      ++pools;
    }
    grids.high = plan.grid();
    return grids;
  }

  torch::Tensor run_layers(size_t first, size_t last, torch::Tensor features)
      const {
    for (size_t i = first; i <= last; ++i) {
      const auto layer = (*features_)[i];
      if (auto* conv = layer->as<Conv2dImpl>()) {
        features = conv->forward(features);
      } else if (auto* norm = layer->as<NormImpl>()) {
        features = nn::batch_norm_relu(*norm, features, nn::ReluCeiling::kNone);
      } else if (auto* pool = layer->as<nn::MaxPoolImpl>()) {
        features = pool->forward(features);
      } else if (!options_.batch_norm) {
        // If there are norms, batch_norm_relu() has applied the ReLU already.
        features = features.relu_();
      }
    }
    return features;
  }

  /// DeepLabV1's pool5a: a 3x3 average pool with stride 1.
  static torch::Tensor smooth(const torch::Tensor& features) {
    namespace functional = torch::nn::functional;
    return functional::avg_pool2d(
        features, functional::AvgPool2dFuncOptions(3).stride(1).padding(1)
    );
  }

  VggOptions options_;
  torch::nn::ModuleList features_{nullptr};
};

Recipe prepare(bool batch_norm, const BackboneOptions& options) {
  return {OutputStride::k32, [checked = VggOptions(batch_norm, options)] {
            return std::make_shared<VggImpl>(checked);
          }};
}

}  // namespace

Recipe prepare_vgg16(const BackboneOptions& options) {
  return prepare(/*batch_norm=*/false, options);
}

Recipe prepare_vgg16_bn(const BackboneOptions& options) {
  return prepare(/*batch_norm=*/true, options);
}

}  // namespace deeplab::backbone
