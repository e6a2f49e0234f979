// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/decoders.h"

#include <torch/nn/functional/dropout.h>

namespace deeplab::nn {
namespace {

using torch::nn::Conv2d;
using torch::nn::Conv2dImpl;
using torch::nn::Conv2dOptions;
using torch::nn::ModuleList;
using torch::nn::ModuleListImpl;

ModuleList make_convs(const DecoderOptions& options, int64_t in_channels) {
  ModuleList convs;
  for (int64_t i = 0; i < options.convs(); ++i) {
    const auto block =
        ConvBnReluOptions(in_channels, options.channels(), options.kernel())
            .separable(options.separable())
            .bare_depthwise(options.bare_depthwise());
    convs->push_back(ConvBnRelu(block));
    in_channels = options.channels();
  }
  return convs;
}

torch::Tensor refine(const ModuleListImpl& convs, torch::Tensor features) {
  for (const auto& conv : convs) {
    features = conv->as<ConvBnReluImpl>()->forward(features);
  }
  return features;
}

/// Does the same as refine() and, while `convs` is in training, applies the
/// options' dropout after each convolution (once if there is no convolution).
torch::Tensor refine_and_drop(
    const ModuleListImpl& convs,
    const DecoderOptions& options,
    torch::Tensor features
) {
  namespace functional = torch::nn::functional;
  const auto& dropout = options.dropout();
  const auto drop = [&](size_t place) {
    if (place >= dropout.size()) return;
    features = functional::dropout(
        features, functional::DropoutFuncOptions()
                      .p(dropout[place])
                      .training(convs.is_training())
    );
  };
  for (size_t i = 0; i < convs.size(); ++i) {
    features = convs.ptr<ConvBnReluImpl>(i)->forward(features);
    drop(i);
  }
  if (convs.is_empty()) drop(0);
  return features;
}

int64_t output_channels(const DecoderOptions& options, int64_t in_channels) {
  return options.convs() > 0 ? options.channels() : in_channels;
}

}  // namespace

BilinearDecoderImpl::BilinearDecoderImpl(const DecoderOptions& options)
    : options_(options) {
  reset();
}

void BilinearDecoderImpl::reset() {
  convs_ = register_module(
      "convs", make_convs(options_, options_.context_channels())
  );
}

torch::Tensor BilinearDecoderImpl::forward(
    const Features& /*features*/, const torch::Tensor& context
) {
  return refine_and_drop(*convs_, options_, context);
}

int64_t BilinearDecoderImpl::out_channels() const {
  return output_channels(options_, options_.context_channels());
}

V3PlusDecoderImpl::V3PlusDecoderImpl(const DecoderOptions& options)
    : options_(options) {
  reset();
}

void V3PlusDecoderImpl::reset() {
  const auto& in = options_.features().at;
  const int64_t reduced = options_.reduced_channels();
  int64_t context = options_.context_channels();
  if (options_.levels() == 2) {
    reduce_8_ = register_module(
        "reduce_8", ConvBnRelu(ConvBnReluOptions(in[Level::k8], reduced, 1))
    );
    convs_8_ =
        register_module("convs_8", make_convs(options_, context + reduced));
    context = output_channels(options_, context + reduced);
  }
  reduce_ = register_module(
      "reduce", ConvBnRelu(ConvBnReluOptions(in[Level::k4], reduced, 1))
  );
  convs_ = register_module("convs", make_convs(options_, context + reduced));
}

V3PlusDecoderImpl::Map V3PlusDecoderImpl::join(
    ConvBnRelu& reduce, const Map& low, const Map& context
) {
  const auto upsampled = resize_like(
      context.features, low.features,
      {options_.alignment(), context.grid, low.grid}
  );
  const auto reduced = reduce(low.features);
  return {
      options_.low_first() ? torch::cat({reduced, upsampled}, 1)
                           : torch::cat({upsampled, reduced}, 1),
      low.grid};
}

torch::Tensor V3PlusDecoderImpl::forward(
    const Features& features, const torch::Tensor& context
) {
  const auto low = [&](Level level) {
    return Map{features.at[level], grids().at[level]};
  };
  Map joined{context, context_grid()};
  if (reduce_8_) {
    joined = join(reduce_8_, low(Level::k8), joined);
    joined.features = refine(*convs_8_, joined.features);
  }
  joined = join(reduce_, low(Level::k4), joined);
  return refine_and_drop(*convs_, options_, joined.features);
}

int64_t V3PlusDecoderImpl::out_channels() const {
  const int64_t reduced = options_.reduced_channels();
  int64_t context = options_.context_channels();
  if (reduce_8_) context = output_channels(options_, context + reduced);
  return output_channels(options_, context + reduced);
}

UnetDecoderImpl::UnetDecoderImpl(const DecoderOptions& options)
    : options_(options) {
  reset();
}

void UnetDecoderImpl::reset() {
  levels_ = register_module("levels", ModuleList());
  auto level = options_;
  int64_t channels = options_.context_channels();
  for (auto at = kLevels.rbegin(); at != kLevels.rend(); ++at) {
    channels += options_.features().at[*at];
    levels_->push_back(make_convs(level, channels));
    channels = output_channels(level, channels);
    level.channels(std::max<int64_t>(1, level.channels() / 2));
  }
}

torch::Tensor UnetDecoderImpl::forward(
    const Features& features, const torch::Tensor& context
) {
  auto decoded = context;
  auto grid = context_grid();
  for (size_t i = 0; i < levels_->size(); ++i) {
    const auto at = kLevels[kLevels.size() - 1 - i];
    const auto& low = features.at[at];
    const auto upsampled =
        resize_like(decoded, low, {options_.alignment(), grid, grids().at[at]});
    const auto joined = torch::cat({upsampled, low}, 1);
    grid = grids().at[at];
    const auto level = levels_->ptr<ModuleListImpl>(i);
    decoded = i + 1 < levels_->size()
                  ? refine(*level, joined)
                  : refine_and_drop(*level, options_, joined);
  }
  return decoded;
}

int64_t UnetDecoderImpl::out_channels() const {
  if (options_.convs() > 0) {
    return std::max<int64_t>(1, options_.channels() / 8);
  }
  int64_t channels = options_.context_channels();
  for (const auto level : kLevels) channels += options_.features().at[level];
  return channels;
}

FcnDecoderImpl::FcnDecoderImpl(
    const DecoderOptions& options, std::vector<Level> levels, int64_t classes
)
    : options_(options), levels_(std::move(levels)), classes_(classes) {
  reset();
}

void FcnDecoderImpl::reset() {
  score_ = register_module(
      "score", Conv2d(Conv2dOptions(options_.context_channels(), classes_, 1))
  );
  level_scores_ = register_module("level_scores", ModuleList());
  for (const auto level : levels_) {
    const int64_t channels = options_.features().at[level];
    level_scores_->push_back(Conv2d(Conv2dOptions(channels, classes_, 1)));
  }
}

torch::Tensor FcnDecoderImpl::forward(
    const Features& features, const torch::Tensor& context
) {
  auto scores = score_(context);
  auto grid = context_grid();
  for (size_t i = 0; i < levels_.size(); ++i) {
    const auto finer =
        level_scores_->ptr<Conv2dImpl>(i)->forward(features.at[levels_[i]]);
    const auto& finer_grid = grids().at[levels_[i]];
    scores =
        resize_like(scores, finer, {options_.alignment(), grid, finer_grid}) +
        finer;
    grid = finer_grid;
  }
  return scores;
}

FeatureGrid FcnDecoderImpl::grid() const {
  return levels_.empty() ? context_grid() : grids().at[levels_.back()];
}

}  // namespace deeplab::nn
