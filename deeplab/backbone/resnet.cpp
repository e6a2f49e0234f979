// SPDX-License-Identifier: Apache-2.0
#include "deeplab/backbone/resnet.h"

#include <array>
#include <limits>

#include <fmt/core.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>

#include "deeplab/core/error.h"
#include "deeplab/nn/atrous.h"
#include "deeplab/nn/batch_norm_relu.h"
#include "deeplab/nn/cloneable.h"
#include "deeplab/nn/conv_bn_relu.h"
#include "deeplab/nn/norm.h"

namespace deeplab::backbone {
namespace {

using nn::Norm;
using nn::NormImpl;
using torch::nn::Conv2d;
using torch::nn::Conv2dImpl;

using nn::make_conv;

/// The values have the order of the names in backbone_options.h.
enum class Stem : size_t { kConv7, kBeta, kDeep };
enum class StrideIn : size_t { kFirst3x3, kFirst1x1, kLast3x3 };
enum class LowLevel : size_t { kAfterRelu, kBeforeSum };

/// Distinguishes the ResNets: units in each of the four stages, and their kind.
struct Form {
  std::array<int64_t, 4> units;
  /// True if a unit has three convolutions 1x1, 3x3, 1x1, the last with four
  /// times the width (ResNet-50 and larger); false if it has two 3x3
  /// convolutions.
  bool bottleneck;
};

struct UnitOptions {
  int64_t in_channels;
  int64_t width;
  int64_t stride;
  bool bottleneck;
  StrideIn stride_in;

  int64_t out_channels() const { return bottleneck ? 4 * width : width; }
  /// Returns true if the shortcut is a 1x1 convolution. In TensorFlow's form,
  /// the last unit of a stage subsamples its shortcut instead.
  bool projects() const {
    return in_channels != out_channels() ||
           (stride != 1 && stride_in != StrideIn::kLast3x3);
  }
  /// Returns the index of the convolution with the stride: the first 3x3, or
  /// the 1x1 before it in Caffe's form.
  size_t strided() const {
    return bottleneck && stride_in != StrideIn::kFirst1x1 ? 1 : 0;
  }
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
    if (options_.projects()) {
      downsample_ = register_module(
          "downsample", torch::nn::Sequential(make_conv(in, out, 1), Norm(out))
      );
    }
  }

  /// Runs the unit. If `before_sum` is not null, it is set to the residual
  /// branch before the sum.
  torch::Tensor forward(
      const torch::Tensor& features, torch::Tensor* before_sum
  ) {
    auto residual = features;
    for (size_t i = 0; i < convs_.size(); ++i) {
      residual = convs_[i](residual);
      residual = i + 1 < convs_.size()
                     ? nn::batch_norm_relu(
                           *norms_[i], residual, nn::ReluCeiling::kNone
                       )
                     : nn::batch_norm(*norms_[i], residual);
    }
    if (before_sum != nullptr) {
      *before_sum = residual;
      return (residual + shortcut(features)).relu_();
    }
    return residual.add_(shortcut(features)).relu_();
  }

  void plan(nn::AtrousPlan& plan) {
    const int64_t kept = plan.kept_stride(options_.stride);
    if (downsample_) {
      downsample_->ptr<Conv2dImpl>(0)->options.stride(kept);
    } else {
      shortcut_stride_ = kept;
    }
    for (size_t i = 0; i < convs_.size(); ++i) {
      const int64_t stride = i == options_.strided() ? options_.stride : 1;
      if (convs_[i]->options.kernel_size()->at(0) > 1 || stride > 1) {
        plan.apply(*convs_[i], stride);
      }
    }
  }

  int64_t out_channels() const { return options_.out_channels(); }

 private:
  void add(const Conv2d& conv) {
    const auto number = std::to_string(convs_.size() + 1);
    convs_.push_back(register_module("conv" + number, conv));
    norms_.push_back(
        register_module("bn" + number, Norm(conv->options.out_channels()))
    );
  }

  torch::Tensor shortcut(const torch::Tensor& features) {
    if (downsample_) {
      return nn::batch_norm(
          *downsample_->ptr<NormImpl>(1),
          downsample_->ptr<Conv2dImpl>(0)->forward(features)
      );
    }
    if (shortcut_stride_ == 1) return features;
    constexpr auto kEnd = std::numeric_limits<int64_t>::max();
    return features.slice(2, 0, kEnd, shortcut_stride_)
        .slice(3, 0, kEnd, shortcut_stride_);
  }

  UnitOptions options_;
  int64_t shortcut_stride_ = 1;
  std::vector<Conv2d> convs_;
  std::vector<Norm> norms_;
  torch::nn::Sequential downsample_{nullptr};
};
TORCH_MODULE(Unit);

/// The BackboneOptions after they were checked, with ResNet's defaults.
struct ResNetOptions {
  ResNetOptions(const Form& own, const BackboneOptions& options)
      : form(own),
        stem(static_cast<Stem>(place_of(options.stem.value_or("conv7"), kStems))
        ),
        stride_in(static_cast<StrideIn>(
            place_of(options.stride_in.value_or("first_3x3"), kStridesIn)
        )),
        tap(static_cast<LowLevel>(
            place_of(options.low_level.value_or("after_relu"), kLowLevels)
        )),
        multi_grid(options.multi_grid.value_or(
            std::vector<int64_t>(static_cast<size_t>(form.units[3]), 1)
        )),
        cascade(options.cascade.value_or(0)),
        lost_stride(
            options.dilate_first.value_or(false)
                ? nn::LostStride::kTakesDilation
                : nn::LostStride::kKeepsDilation
        ),
        ceil_mode(options.ceil_mode.value_or(false)) {
    if (stride_in == StrideIn::kFirst1x1 && !form.bottleneck) {
      throw ConfigError(
          "model.backbone_options.stride_in is \"first_1x1\"; the units of this ResNet have no 1x1 convolution"
      );
    }
    const auto units = static_cast<size_t>(form.units[3]);
    if (multi_grid.size() != units) {
      throw ConfigError(fmt::format(
          "model.backbone_options.multi_grid must hold {} factors >= 1, one for each unit of the last stage",
          units
      ));
    }
  }

  Form form;
  Stem stem;
  StrideIn stride_in;
  LowLevel tap;
  std::vector<int64_t> multi_grid;
  int64_t cascade;
  nn::LostStride lost_stride;
  bool ceil_mode;

  OutputStride max_output_stride() const {
    return static_cast<OutputStride>(int64_t{32} << cascade);
  }
  size_t stages() const {
    return form.units.size() + static_cast<size_t>(cascade);
  }
  size_t units(size_t stage) const {
    return static_cast<size_t>(form.units[std::min<size_t>(stage, 3)]);
  }
  int64_t width(size_t stage) const {
    return int64_t{64} << std::min<size_t>(stage, 3);
  }
  int64_t stride(size_t stage, size_t unit) const {
    const bool strides = stride_in == StrideIn::kLast3x3
                             ? stage + 1 < stages() && unit + 1 == units(stage)
                             : stage > 0 && unit == 0;
    return strides ? 2 : 1;
  }
  /// Returns the index of the unit whose map decoders get: the stage's last
  /// unit before a stride.
  size_t tapped_unit(size_t stage) const {
    const size_t last = units(stage) - 1;
    return stride_in == StrideIn::kLast3x3 ? last - 1 : last;
  }
};

class ResNetImpl : public nn::Implements<ResNetImpl, BackboneImpl> {
 public:
  explicit ResNetImpl(ResNetOptions options) : options_(std::move(options)) {
    reset();
  }

  void reset() override {
    make_stem();
    stages_.clear();
    int64_t channels = stem_channels();
    for (size_t stage = 0; stage < options_.stages(); ++stage) {
      stages_.push_back(register_module(
          "layer" + std::to_string(stage + 1), torch::nn::ModuleList()
      ));
      for (size_t i = 0; i < options_.units(stage); ++i) {
        Unit unit(UnitOptions{
            channels, options_.width(stage), options_.stride(stage, i),
            options_.form.bottleneck, options_.stride_in});
        stages_.back()->push_back(unit);
        channels = unit->out_channels();
      }
    }
  }

  nn::Features forward(const torch::Tensor& images) override {
    nn::Features result;
    auto features = stem(images);
    result.at[nn::Level::k2] = features;
    features = pool_->forward(features);
    for (size_t stage = 0; stage < stages_.size(); ++stage) {
      for (size_t i = 0; i < stages_[stage]->size(); ++i) {
        const bool tapped = stage < 3 && i == options_.tapped_unit(stage);
        const auto outputs = run_unit(stage, i, features);
        features = outputs.front();
        if (tapped) result.at[nn::kLevels[stage + 1]] = outputs.back();
      }
    }
    result.high = features;
    return result;
  }

  OutputStride max_output_stride() const override {
    return options_.max_output_stride();
  }

  nn::FeatureChannels channels() const override {
    nn::FeatureChannels channels;
    channels.at[nn::Level::k2] = stem_channels();
    const int64_t expansion = options_.form.bottleneck ? 4 : 1;
    for (size_t stage = 0; stage < 3; ++stage) {
      channels.at[nn::kLevels[stage + 1]] = expansion * options_.width(stage);
    }
    channels.high = expansion * options_.width(3);
    return channels;
  }

 private:
  nn::FeatureGrids apply_output_stride(OutputStride stride) override {
    nn::FeatureGrids grids;
    nn::AtrousPlan plan(stride, options_.lost_stride);
    pass_stem(plan);
    grids.at[nn::Level::k2] = plan.grid();
    plan.pass_stem(pool_->window());
    for (size_t stage = 0; stage < stages_.size(); ++stage) {
      for (size_t i = 0; i < stages_[stage]->size(); ++i) {
        plan.set_multi_grid(stage < 3 ? 1 : options_.multi_grid[i]);
        stages_[stage]->ptr<UnitImpl>(i)->plan(plan);
        if (stage < 3 && i == options_.tapped_unit(stage)) {
          grids.at[nn::kLevels[stage + 1]] = plan.grid();
        }
      }
    }
    grids.high = plan.grid();
    return grids;
  }

  void pass_stem(nn::AtrousPlan& plan) const {
    if (!three_) {
      plan.pass_stem(nn::window_of(*conv1_));
      return;
    }
    for (const auto& block : *three_) {
      plan.pass_stem(nn::window_of(block->as<nn::ConvBnReluImpl>()->conv()));
    }
  }

  /// Returns the unit's output and, if decoders get the map before the sum,
  /// that map, too.
  torch::autograd::variable_list run_unit(
      size_t stage, size_t i, const torch::Tensor& features
  ) const {
    const bool before_sum = options_.tap == LowLevel::kBeforeSum && stage < 3 &&
                            i == options_.tapped_unit(stage);
    const auto unit = stages_[stage]->ptr<UnitImpl>(i);
    const auto forward = [unit, before_sum](const torch::Tensor& input) {
      torch::Tensor tap;
      torch::autograd::variable_list outputs{
          unit->forward(input, before_sum ? &tap : nullptr)};
      if (before_sum) outputs.push_back(tap);
      return outputs;
    };
    return BackboneImpl::run_unit(*unit, forward, features);
  }

  int64_t stem_channels() const {
    return options_.stem == Stem::kBeta ? 128 : 64;
  }

  void make_stem() {
    pool_ = register_module(
        "pool", nn::MaxPool(nn::MaxPoolOptions(3).ceil_mode(options_.ceil_mode))
    );
    if (options_.stem != Stem::kConv7) {
      const int64_t out = stem_channels();
      const int64_t width = out / 2;
      three_ = register_module(
          "stem",
          torch::nn::ModuleList(
              nn::ConvBnRelu(nn::ConvBnReluOptions(3, width, 3).stride(2)),
              nn::ConvBnRelu(nn::ConvBnReluOptions(width, width, 3)),
              nn::ConvBnRelu(nn::ConvBnReluOptions(width, out, 3))
          )
      );
      return;
    }
    conv1_ = register_module("conv1", make_conv(3, 64, 7));
    conv1_->options.stride(2);
    bn1_ = register_module("bn1", Norm(64));
  }

  torch::Tensor stem(const torch::Tensor& images) {
    if (!three_) {
      return nn::batch_norm_relu(*bn1_, conv1_(images), nn::ReluCeiling::kNone);
    }
    auto features = images;
    for (const auto& block : *three_) {
      features = block->as<nn::ConvBnReluImpl>()->forward(features);
    }
    return features;
  }

  ResNetOptions options_;
  Conv2d conv1_{nullptr};
  Norm bn1_{nullptr};
  torch::nn::ModuleList three_{nullptr};
  nn::MaxPool pool_{nullptr};
  std::vector<torch::nn::ModuleList> stages_;
};

Recipe prepare(const Form& form, const BackboneOptions& options) {
  const ResNetOptions checked(form, options);
  return {checked.max_output_stride(), [checked] {
            return std::make_shared<ResNetImpl>(checked);
          }};
}

}  // namespace

Recipe prepare_resnet18(const BackboneOptions& options) {
  return prepare({{2, 2, 2, 2}, false}, options);
}

Recipe prepare_resnet34(const BackboneOptions& options) {
  return prepare({{3, 4, 6, 3}, false}, options);
}

Recipe prepare_resnet50(const BackboneOptions& options) {
  return prepare({{3, 4, 6, 3}, true}, options);
}

Recipe prepare_resnet101(const BackboneOptions& options) {
  return prepare({{3, 4, 23, 3}, true}, options);
}

Recipe prepare_resnet152(const BackboneOptions& options) {
  return prepare({{3, 8, 36, 3}, true}, options);
}

}  // namespace deeplab::backbone
