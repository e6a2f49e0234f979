// SPDX-License-Identifier: Apache-2.0
#include "deeplab/backbone/resnet.h"

#include <torch/nn/functional/pooling.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>

#include "deeplab/nn/atrous.h"
#include "deeplab/nn/batch_norm_relu.h"

namespace deeplab::backbone {
namespace {

using torch::nn::BatchNorm2d;
using torch::nn::Conv2d;
using torch::nn::Conv2dImpl;

Conv2d make_conv(int64_t in, int64_t out, int64_t kernel) {
  return Conv2d(
      torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2).bias(false)
  );
}

torch::Tensor norm_relu(BatchNorm2d& norm, const torch::Tensor& features) {
  return nn::batch_norm_relu(*norm, features, nn::ReluCeiling::kNone);
}

struct UnitOptions {
  int64_t in_channels;
  int64_t width;
  int64_t stride;
  bool bottleneck;

  int64_t out_channels() const { return bottleneck ? 4 * width : width; }
};

/// One residual unit, basic or bottleneck.
class UnitImpl : public torch::nn::Cloneable<UnitImpl> {
 public:
  explicit UnitImpl(const UnitOptions& options) : options_(options) { reset(); }

  void reset() override {
    const int64_t in = options_.in_channels;
    const int64_t width = options_.width;
    const int64_t out = options_.out_channels();
    convs_.clear();
    norms_.clear();
    if (options_.bottleneck) {
      add(make_conv(in, width, 1));
      add(make_conv(width, width, 3));
      add(make_conv(width, out, 1));
    } else {
      add(make_conv(in, width, 3));
      add(make_conv(width, width, 3));
    }
    if (options_.stride != 1 || in != out) {
      downsample_ = register_module(
          "downsample",
          torch::nn::Sequential(make_conv(in, out, 1), BatchNorm2d(out))
      );
    }
  }

  torch::Tensor forward(const torch::Tensor& features) {
    auto residual = features;
    for (size_t i = 0; i < convs_.size(); ++i) {
      residual = convs_[i](residual);
      residual = i + 1 < convs_.size() ? norm_relu(norms_[i], residual)
                                       : norms_[i](residual);
    }
    const auto shortcut =
        downsample_ ? downsample_->forward(features) : features;
    return residual.add_(shortcut).relu_();
  }

  void plan(nn::AtrousPlan& plan) {
    const size_t strided = options_.bottleneck ? 1 : 0;
    if (downsample_) {
      plan.apply_beside(*downsample_->ptr<Conv2dImpl>(0), options_.stride);
    }
    for (size_t i = 0; i < convs_.size(); ++i) {
      if (convs_[i]->options.kernel_size()->at(0) == 1) continue;
      plan.apply(*convs_[i], i == strided ? options_.stride : 1);
    }
  }

 private:
  void add(const Conv2d& conv) {
    const auto number = std::to_string(convs_.size() + 1);
    convs_.push_back(register_module("conv" + number, conv));
    norms_.push_back(register_module(
        "bn" + number, BatchNorm2d(conv->options.out_channels())
    ));
  }

  UnitOptions options_;
  std::vector<Conv2d> convs_;
  std::vector<BatchNorm2d> norms_;
  torch::nn::Sequential downsample_{nullptr};
};
TORCH_MODULE(Unit);

class ResNetImpl : public BackboneImpl,
                   public torch::nn::Cloneable<ResNetImpl> {
 public:
  explicit ResNetImpl(const ResNetOptions& options) : options_(options) {
    reset();
  }

  void reset() override {
    conv1_ = register_module(
        "conv1",
        Conv2d(
            torch::nn::Conv2dOptions(3, 64, 7).stride(2).padding(3).bias(false)
        )
    );
    bn1_ = register_module("bn1", BatchNorm2d(64));
    int64_t channels = 64;
    for (size_t stage = 0; stage < stages_.size(); ++stage) {
      stages_[stage] = register_module(
          "layer" + std::to_string(stage + 1), torch::nn::ModuleList()
      );
      for (int64_t i = 0; i < options_.units[stage]; ++i) {
        const UnitOptions unit{
            channels,
            int64_t{64} << stage,
            stage > 0 && i == 0 ? 2 : 1,
            options_.bottleneck};
        stages_[stage]->push_back(Unit(unit));
        channels = unit.out_channels();
      }
    }
  }

  nn::Features forward(const torch::Tensor& images) override {
    namespace functional = torch::nn::functional;
    auto features = functional::max_pool2d(
        norm_relu(bn1_, conv1_(images)),
        functional::MaxPool2dFuncOptions(3).stride(2).padding(1)
    );
    nn::Features result;
    for (const auto& stage : stages_) {
      for (const auto& unit : *stage) {
        features = unit->as<UnitImpl>()->forward(features);
      }
      if (!result.low.defined()) result.low = features;
    }
    result.high = features;
    return result;
  }

  void set_output_stride(OutputStride stride) override {
    nn::AtrousPlan plan(stride);
    plan.pass_stem(4);
    for (const auto& stage : stages_) {
      for (const auto& unit : *stage) unit->as<UnitImpl>()->plan(plan);
    }
  }

  int64_t low_channels() const override {
    return options_.bottleneck ? 256 : 64;
  }
  int64_t high_channels() const override {
    return options_.bottleneck ? 2048 : 512;
  }

 private:
  ResNetOptions options_;
  Conv2d conv1_{nullptr};
  BatchNorm2d bn1_{nullptr};
  std::array<torch::nn::ModuleList, 4> stages_{
      nullptr, nullptr, nullptr, nullptr};
};

}  // namespace

std::shared_ptr<BackboneImpl> make_resnet(const ResNetOptions& options) {
  const auto network = std::make_shared<ResNetImpl>(options);
  network->set_output_stride(OutputStride::k32);
  return network;
}

std::shared_ptr<BackboneImpl> make_resnet18() {
  return make_resnet({{2, 2, 2, 2}, false});
}

std::shared_ptr<BackboneImpl> make_resnet34() {
  return make_resnet({{3, 4, 6, 3}, false});
}

std::shared_ptr<BackboneImpl> make_resnet50() {
  return make_resnet({{3, 4, 6, 3}, true});
}

std::shared_ptr<BackboneImpl> make_resnet101() {
  return make_resnet({{3, 4, 23, 3}, true});
}

}  // namespace deeplab::backbone
