// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/aspp.h"

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/nn/resize.h"

namespace deeplab::nn {
namespace {

void validate(const AsppOptions& options) {
  if (options.out_channels() < 1) {
    throw ConfigError(
        fmt::format("aspp.channels is {}; must be >= 1", options.out_channels())
    );
  }
  if (options.dropout() < 0 || options.dropout() >= 1) {
    throw ConfigError(
        fmt::format("aspp.dropout is {}; must be in [0, 1)", options.dropout())
    );
  }
  const auto& rates = options.rates().values;
  for (size_t i = 0; i < rates.size(); ++i) {
    if (rates[i] >= 1) continue;
    throw ConfigError(
        fmt::format("aspp.rates[{}] is {}; a rate must be >= 1", i, rates[i])
    );
  }
}

}  // namespace

AsppImpl::AsppImpl(const AsppOptions& options) : options_(options) {
  validate(options_);
  reset();
}

void AsppImpl::reset() {
  const int64_t in = options_.in_channels();
  const int64_t out = options_.out_channels();
  const bool bare = options_.bare_depthwise();
  branches_ = register_module("branches", torch::nn::ModuleList());
  branches_->push_back(ConvBnRelu(ConvBnReluOptions(in, out, 1)));
  for (const int64_t rate : options_.rates().values) {
    branches_->push_back(ConvBnRelu(ConvBnReluOptions(in, out, 3)
                                        .dilation(rate)
                                        .separable(options_.separable())
                                        .bare_depthwise(bare)));
  }
  auto count = static_cast<int64_t>(branches_->size());
  if (options_.image_pooling()) {
    image_branch_ = register_module(
        "image_branch", ConvBnRelu(ConvBnReluOptions(in, out, 1))
    );
    ++count;
  }
  project_ = register_module(
      "project",
      ConvBnRelu(ConvBnReluOptions(count * out, out, options_.project_kernel()))
  );
  dropout_ = register_module("dropout", torch::nn::Dropout(options_.dropout()));
  convs_ = register_module("convs", torch::nn::ModuleList());
  for (int64_t i = 0; i < options_.convs(); ++i) {
    convs_->push_back(ConvBnRelu(ConvBnReluOptions(out, out, 3)
                                     .separable(options_.separable())
                                     .bare_depthwise(bare)));
  }
}

torch::Tensor AsppImpl::forward(const torch::Tensor& features) {
  TORCH_CHECK(
      features.dim() == 4 && features.size(1) == options_.in_channels(),
      "Aspp: expected [N, ", options_.in_channels(), ", h, w], got ",
      features.sizes()
  );
  std::vector<torch::Tensor> contexts;
  for (const auto& branch : *branches_) {
    contexts.push_back(branch->as<ConvBnReluImpl>()->forward(features));
  }
  if (image_branch_) {
    contexts.insert(
        options_.image_pooling_first() ? contexts.begin() : contexts.end(),
        image_context(features)
    );
  }
  auto context = dropout_(project_(torch::cat(contexts, 1)));
  for (const auto& conv : *convs_) {
    context = conv->as<ConvBnReluImpl>()->forward(context);
  }
  return context;
}

torch::Tensor AsppImpl::image_context(const torch::Tensor& features) {
  TORCH_CHECK(
      !image_branch_->needs_several_images() || features.size(0) > 1,
      "Aspp: image pooling in training needs a batch of 2 or more, got 1; otherwise its batch norm has a single value per channel"
  );
  const auto mean = features.mean({2, 3}, /*keepdim=*/true);
  return spread_like(image_branch_(mean), features);
}

void AsppImpl::set_output_stride(OutputStride stride) {
  const auto rates = options_.rates().for_stride(stride);
  for (size_t i = 0; i < rates.size(); ++i) {
    branches_->ptr<ConvBnReluImpl>(i + 1)->set_dilation(rates[i]);
  }
}

std::vector<int64_t> AsppImpl::rates() const {
  std::vector<int64_t> rates;
  for (size_t i = 1; i < branches_->size(); ++i) {
    rates.push_back(branches_->ptr<ConvBnReluImpl>(i)->options().dilation());
  }
  return rates;
}

}  // namespace deeplab::nn
