// SPDX-License-Identifier: Apache-2.0
#include "deeplab/backbone/xception.h"

#include <array>

#include <fmt/core.h>
#include <torch/nn/modules/container/moduledict.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>

#include "deeplab/core/error.h"
#include "deeplab/nn/atrous.h"
#include "deeplab/nn/batch_norm_relu.h"
#include "deeplab/nn/cloneable.h"
#include "deeplab/nn/conv_bn_relu.h"
#include "deeplab/nn/initialize.h"
#include "deeplab/nn/max_pool.h"
#include "deeplab/nn/norm.h"

namespace deeplab::backbone {
namespace {

using nn::Norm;
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;

/// TensorFlow's eps, used in every batch norm of the backbone.
constexpr double kBatchNormEps = 1e-3;

/// The values have the order of the names in backbone_options.h.
enum class AfterDepthwise : size_t { kNothing, kNorm, kNormAndRelu };

/// The BackboneOptions after they were checked, with Xception's defaults.
struct XceptionOptions {
  enum class Flavour { kChollet, kAligned };

  XceptionOptions(
      Flavour flavour, const BackboneOptions& own, const BackboneOptions& given
  )
      : chollet(flavour == Flavour::kChollet) {
    const auto word = [](const auto& one, const auto& other) {
      return one ? *one : *other;
    };
    after_depthwise = static_cast<AfterDepthwise>(place_of(
        word(given.after_depthwise, own.after_depthwise), kAfterDepthwise
    ));
    max_pool =
        place_of(word(given.downsampling, own.downsampling), kDownsamplings) ==
        0;
    five_blocks =
        place_of(word(given.entry_flow, own.entry_flow), kEntryFlows) == 1;
    tap_after_relu =
        place_of(given.low_level.value_or("before_relu"), kLowLevels) == 0;
    middle_blocks = word(given.middle_blocks, own.middle_blocks);
    multi_grid =
        given.multi_grid.value_or(std::vector<int64_t>(exit_convs(), 1));
    if (multi_grid.size() != exit_convs()) {
      throw ConfigError(fmt::format(
          "model.backbone_options.multi_grid must hold {} factors >= 1, one for each convolution of the last block",
          exit_convs()
      ));
    }
  }

  /// Number of separable convolutions in the last block.
  size_t exit_convs() const { return chollet ? 2 : 3; }

  bool chollet;
  AfterDepthwise after_depthwise;
  bool max_pool;
  bool five_blocks;
  bool tap_after_relu;
  int64_t middle_blocks;
  std::vector<int64_t> multi_grid;
};

struct SeparableOptions {
  int64_t in_channels;
  int64_t out_channels;
  AfterDepthwise after_depthwise;
};

/// A separable convolution: a depthwise 3x3 and a pointwise 1x1 convolution
/// with a batch norm after the pointwise one, and optionally one between them.
/// forward() has no ReLU at the end; forward_relu() has one.
class SeparableImpl : public torch::nn::Cloneable<SeparableImpl> {
 public:
  explicit SeparableImpl(const SeparableOptions& options) : options_(options) {
    reset();
  }

  void reset() override {
    const int64_t in = options_.in_channels;
    const int64_t out = options_.out_channels;
    depthwise_ = register_module(
        "conv_dw",
        Conv2d(Conv2dOptions(in, in, 3).padding(1).groups(in).bias(false))
    );
    if (options_.after_depthwise != AfterDepthwise::kNothing) {
      norm_ = register_module("bn_dw", Norm(in));
    }
    pointwise_ = register_module(
        "conv_pw", Conv2d(Conv2dOptions(in, out, 1).bias(false))
    );
    pointwise_norm_ = register_module("bn_pw", Norm(out));
  }

  torch::Tensor forward(const torch::Tensor& features) {
    return nn::batch_norm(*pointwise_norm_, before_norm(features));
  }

  torch::Tensor forward_relu(const torch::Tensor& features) {
    return nn::batch_norm_relu(
        *pointwise_norm_, before_norm(features), nn::ReluCeiling::kNone
    );
  }

  void plan(nn::AtrousPlan& plan, int64_t stride) {
    plan.apply(*depthwise_, stride);
  }

 private:
  torch::Tensor before_norm(const torch::Tensor& features) {
    auto filtered = depthwise_(features);
    if (options_.after_depthwise == AfterDepthwise::kNorm) {
      filtered = nn::batch_norm(*norm_, filtered);
    } else if (options_.after_depthwise == AfterDepthwise::kNormAndRelu) {
      filtered = nn::batch_norm_relu(*norm_, filtered, nn::ReluCeiling::kNone);
    }
    return pointwise_(filtered);
  }

  SeparableOptions options_;
  Conv2d depthwise_{nullptr};
  Norm norm_{nullptr};
  Conv2d pointwise_{nullptr};
  Norm pointwise_norm_{nullptr};
};
TORCH_MODULE(Separable);

enum class Skip { kNone, kSum, kConv };

struct BlockOptions {
  int64_t in_channels;
  /// Output channels of the separable convolutions. A block that max-pools has
  /// only the first two; its pool replaces the third.
  std::vector<int64_t> channels;
  int64_t stride;
  Skip skip;
  AfterDepthwise after_depthwise;
  bool max_pool;
  bool tap_after_relu;
};

/// An Xception module: a ReLU before each separable convolution, and a
/// shortcut. The last block has no shortcut and a ReLU after each convolution
/// instead.
class BlockImpl : public torch::nn::Cloneable<BlockImpl> {
 public:
  explicit BlockImpl(const BlockOptions& options) : options_(options) {
    reset();
  }

  void reset() override {
    stack_ = register_module("stack", torch::nn::ModuleDict());
    int64_t in = options_.in_channels;
    torch::OrderedDict<std::string, std::shared_ptr<Module>> convs;
    for (size_t i = 0; i < options_.channels.size(); ++i) {
      const int64_t out = options_.channels[i];
      const Separable conv(SeparableOptions{in, out, options_.after_depthwise});
      convs.insert(name(i), conv.ptr());
      in = out;
    }
    stack_->update(convs);
    if (options_.max_pool) {
      pool_ = register_module("pool", nn::MaxPool(nn::MaxPoolOptions(3)));
    }
    if (options_.skip == Skip::kConv) {
      shortcut_ = register_module("shortcut", torch::nn::ModuleDict());
      torch::OrderedDict<std::string, std::shared_ptr<Module>> layers;
      const int64_t first = options_.in_channels;
      layers.insert(
          "conv", Conv2d(Conv2dOptions(first, in, 1).bias(false)).ptr()
      );
      layers.insert("bn", Norm(in).ptr());
      shortcut_->update(layers);
    }
  }

  /// Sets `tap` to the map after the second convolution.
  torch::Tensor forward(const torch::Tensor& features, torch::Tensor& tap) {
    auto residual = features;
    for (size_t i = 0; i < options_.channels.size(); ++i) {
      const auto conv = separable(i);
      residual = options_.skip == Skip::kNone ? conv->forward_relu(residual)
                                              : conv->forward(residual.relu());
      if (i == 1) tap = options_.tap_after_relu ? residual.relu() : residual;
    }
    if (pool_) residual = pool_->forward(residual);
    if (options_.skip == Skip::kNone) return residual;
    return residual + shortcut(features);
  }

  /// Returns where the features before the block's stride look, which are those
  /// that forward() taps.
  nn::FeatureGrid plan(nn::AtrousPlan& plan, const std::vector<int64_t>& grid) {
    nn::FeatureGrid before_stride;
    if (shortcut_) {
      shortcut_conv()->options.stride(plan.kept_stride(options_.stride));
    }
    const size_t last = options_.channels.size() - 1;
    for (size_t i = 0; i <= last; ++i) {
      const bool strides = i == last && !pool_;
      plan.set_multi_grid(grid[i]);
      separable(i)->plan(plan, strides ? options_.stride : 1);
      if (i == 1) before_stride = plan.grid();
    }
    if (pool_) plan.apply(*pool_, options_.stride);
    return before_stride;
  }

 private:
  static std::string name(size_t i) { return "conv" + std::to_string(i + 1); }
  std::shared_ptr<SeparableImpl> separable(size_t i) const {
    return std::dynamic_pointer_cast<SeparableImpl>((*stack_)[name(i)]);
  }
  std::shared_ptr<torch::nn::Conv2dImpl> shortcut_conv() const {
    return std::dynamic_pointer_cast<torch::nn::Conv2dImpl>((*shortcut_)["conv"]
    );
  }

  torch::Tensor shortcut(const torch::Tensor& features) const {
    if (!shortcut_) return features;
    return nn::batch_norm(
        *(*shortcut_)["bn"]->as<nn::NormImpl>(),
        shortcut_conv()->forward(features)
    );
  }

  BlockOptions options_;
  torch::nn::ModuleDict stack_{nullptr};
  torch::nn::ModuleDict shortcut_{nullptr};
  nn::MaxPool pool_{nullptr};
};
TORCH_MODULE(Block);

class XceptionImpl : public nn::Implements<XceptionImpl, BackboneImpl> {
 public:
  explicit XceptionImpl(XceptionOptions options)
      : options_(std::move(options)) {
    reset();
  }

  void reset() override {
    stem_ = register_module("stem", torch::nn::ModuleList());
    stem_->push_back(nn::ConvBnRelu(nn::ConvBnReluOptions(3, 32, 3).stride(2)));
    stem_->push_back(nn::ConvBnRelu(nn::ConvBnReluOptions(32, 64, 3)));
    blocks_ = register_module("blocks", torch::nn::ModuleList());
    channels_ = 64;
    strides_.clear();
    add_entry_flow();
    for (int64_t i = 0; i < options_.middle_blocks; ++i) {
      add({728, 728, 728}, 1, Skip::kSum);
    }
    add({728, 1024, 1024}, 2, Skip::kConv);
    add(options_.chollet ? std::vector<int64_t>{1536, 2048}
                         : std::vector<int64_t>{1536, 1536, 2048},
        1, Skip::kNone);
    nn::set_batch_norm_eps(*this, kBatchNormEps);
  }

  nn::Features forward(const torch::Tensor& images) override {
    nn::Features result;
    auto features = images;
    for (const auto& conv : *stem_) {
      features = conv->as<nn::ConvBnReluImpl>()->forward(features);
    }
    size_t level = 0;
    for (size_t i = 0; i < blocks_->size(); ++i) {
      const auto block = blocks_->ptr<BlockImpl>(i);
      const bool tapped = strides_[i] > 1;
      const auto forward = [block, tapped](const torch::Tensor& input) {
        torch::Tensor tap;
        torch::autograd::variable_list outputs{block->forward(input, tap)};
        if (tapped) outputs.push_back(tap);
        return outputs;
      };
      const auto outputs = run_unit(*block, forward, features);
      features = outputs.front();
      if (tapped) result.at[nn::kLevels[level++]] = outputs.back();
    }
    result.high = features;
    return result;
  }

  OutputStride max_output_stride() const override { return OutputStride::k32; }

  nn::FeatureChannels channels() const override {
    nn::FeatureChannels channels;
    channels.at[nn::Level::k2] = 128;
    channels.at[nn::Level::k4] = 256;
    channels.at[nn::Level::k8] = 728;
    channels.at[nn::Level::k16] = 1024;
    channels.high = channels_;
    return channels;
  }

 private:
  void add_entry_flow() {
    add({128, 128, 128}, 2, Skip::kConv);
    if (options_.five_blocks) add({256, 256, 256}, 1, Skip::kConv);
    add({256, 256, 256}, 2, Skip::kConv);
    if (options_.five_blocks) add({728, 728, 728}, 1, Skip::kConv);
    add({728, 728, 728}, 2, Skip::kConv);
  }

  void add(std::vector<int64_t> channels, int64_t stride, Skip skip) {
    const bool last = skip == Skip::kNone;
    const bool pools = options_.max_pool && stride > 1;
    if (pools) channels.pop_back();
    const auto after_depthwise =
        last && options_.after_depthwise == AfterDepthwise::kNorm
            ? AfterDepthwise::kNormAndRelu
            : options_.after_depthwise;
    const int64_t out = channels.back();
    blocks_->push_back(Block(BlockOptions{
        channels_, std::move(channels), stride, skip, after_depthwise, pools,
        options_.tap_after_relu}));
    strides_.push_back(stride);
    channels_ = out;
  }

  nn::FeatureGrids apply_output_stride(OutputStride stride) override {
    nn::FeatureGrids grids;
    nn::AtrousPlan plan(stride, nn::LostStride::kKeepsDilation);
    for (const auto& conv : *stem_) {
      plan.pass_stem(nn::window_of(conv->as<nn::ConvBnReluImpl>()->conv()));
    }
    const std::vector<int64_t> plain(3, 1);
    size_t level = 0;
    for (size_t i = 0; i < blocks_->size(); ++i) {
      const bool last = i + 1 == blocks_->size();
      const auto before_stride = blocks_->ptr<BlockImpl>(i)->plan(
          plan, last ? options_.multi_grid : plain
      );
      if (strides_[i] > 1) grids.at[nn::kLevels[level++]] = before_stride;
    }
    grids.high = plan.grid();
    return grids;
  }

  XceptionOptions options_;
  int64_t channels_ = 0;
  std::vector<int64_t> strides_;
  torch::nn::ModuleList stem_{nullptr};
  torch::nn::ModuleList blocks_{nullptr};
};

Recipe prepare(
    XceptionOptions::Flavour flavour,
    const BackboneOptions& own,
    const BackboneOptions& given
) {
  return {OutputStride::k32, [checked = XceptionOptions(flavour, own, given)] {
            return std::make_shared<XceptionImpl>(checked);
          }};
}

/// Returns the defaults of the modified aligned Xception as it was released.
BackboneOptions aligned(int64_t middle_blocks, const char* entry_flow) {
  BackboneOptions options;
  options.middle_blocks = middle_blocks;
  options.entry_flow = entry_flow;
  options.downsampling = "separable";
  options.after_depthwise = "bn";
  return options;
}

}  // namespace

Recipe prepare_xception(const BackboneOptions& options) {
  auto own = aligned(8, "xception65");
  own.downsampling = "max_pool";
  own.after_depthwise = "none";
  return prepare(XceptionOptions::Flavour::kChollet, own, options);
}

Recipe prepare_xception41(const BackboneOptions& options) {
  return prepare(
      XceptionOptions::Flavour::kAligned, aligned(8, "xception65"), options
  );
}

Recipe prepare_xception65(const BackboneOptions& options) {
  return prepare(
      XceptionOptions::Flavour::kAligned, aligned(16, "xception65"), options
  );
}

Recipe prepare_xception71(const BackboneOptions& options) {
  return prepare(
      XceptionOptions::Flavour::kAligned, aligned(16, "xception71"), options
  );
}

}  // namespace deeplab::backbone
