// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/contexts.h"

#include <algorithm>

#include <torch/nn/functional/padding.h>

#include "deeplab/nn/atrous.h"

namespace deeplab::nn {

using torch::nn::Conv2d;
using torch::nn::Conv2dImpl;
using torch::nn::Conv2dOptions;

std::vector<int64_t> Rates::for_stride(OutputStride stride) const {
  auto scaled = values;
  for (auto& rate : scaled) {
    rate = std::max<int64_t>(
        1, rate * pixels_per_feature(at) / pixels_per_feature(stride)
    );
  }
  return scaled;
}

SumAsppImpl::SumAsppImpl(const SumAsppOptions& options) : options_(options) {
  reset();
}

void SumAsppImpl::reset() {
  const int64_t hidden = options_.hidden_channels();
  const int64_t classes = options_.classes();
  fc6_ = register_module("fc6", torch::nn::ModuleList());
  if (hidden > 0) {
    fc7_ = register_module("fc7", torch::nn::ModuleList());
    fc8_ = register_module("fc8", torch::nn::ModuleList());
    dropout_ =
        register_module("dropout", torch::nn::Dropout(options_.dropout()));
  }
  for (size_t i = 0; i < options_.rates().values.size(); ++i) {
    fc6_->push_back(Conv2d(
        Conv2dOptions(options_.in_channels(), hidden > 0 ? hidden : classes, 3)
    ));
    if (hidden == 0) continue;
    fc7_->push_back(Conv2d(Conv2dOptions(hidden, hidden, 1)));
    fc8_->push_back(Conv2d(Conv2dOptions(hidden, classes, 1)));
  }
  set_output_stride(options_.rates().at);
}

torch::Tensor SumAsppImpl::branch(size_t index, const torch::Tensor& features) {
  const auto hidden = fc6_->ptr<Conv2dImpl>(index)->forward(features);
  if (!fc7_) return hidden;
  const auto wider =
      fc7_->ptr<Conv2dImpl>(index)->forward(dropout_(hidden.relu()));
  return fc8_->ptr<Conv2dImpl>(index)->forward(dropout_(wider.relu()));
}

torch::Tensor SumAsppImpl::forward(const torch::Tensor& features) {
  auto sum = branch(0, features);
  for (size_t i = 1; i < fc6_->size(); ++i) sum = sum + branch(i, features);
  return sum;
}

void SumAsppImpl::set_output_stride(OutputStride stride) {
  const auto rates = options_.rates().for_stride(stride);
  for (size_t i = 0; i < rates.size(); ++i) {
    set_dilation(*fc6_->ptr<Conv2dImpl>(i), rates[i]);
  }
}

LargeFovImpl::LargeFovImpl(const LargeFovOptions& options) : options_(options) {
  reset();
}

void LargeFovImpl::reset() {
  const int64_t channels = options_.channels();
  fc6_ = register_module(
      "fc6",
      Conv2d(Conv2dOptions(options_.in_channels(), channels, options_.kernel()))
  );
  fc7_ = register_module("fc7", Conv2d(Conv2dOptions(channels, channels, 1)));
  dropout_ = register_module("dropout", torch::nn::Dropout(options_.dropout()));
  set_output_stride(options_.rate().at);
}

torch::Tensor LargeFovImpl::forward(const torch::Tensor& features) {
  namespace functional = torch::nn::functional;
  const auto [before, after] = padding();
  const auto padded = functional::pad(
      features, functional::PadFuncOptions({before, after, before, after})
  );
  const auto hidden = dropout_(fc6_(padded).relu());
  return dropout_(fc7_(hidden).relu());
}

LargeFovImpl::Padding LargeFovImpl::padding() const {
  const int64_t reach =
      (options_.kernel() - 1) * fc6_->options.dilation()->at(0);
  return {reach / 2, reach - reach / 2};
}

FeatureGrid LargeFovImpl::grid(const FeatureGrid& features) const {
  const auto [before, after] = padding();
  return through(features, {static_cast<double>(after - before) / 2, 1});
}

void LargeFovImpl::set_output_stride(OutputStride stride) {
  fc6_->options.dilation(options_.rate().for_stride(stride).at(0));
}

PyramidPoolingImpl::PyramidPoolingImpl(const PyramidPoolingOptions& options)
    : options_(options) {
  reset();
}

int64_t PyramidPoolingImpl::reduced_channels() const {
  return options_.in_channels() / static_cast<int64_t>(options_.bins().size());
}

int64_t PyramidPoolingImpl::out_channels() const {
  return options_.in_channels() +
         reduced_channels() * static_cast<int64_t>(options_.bins().size());
}

void PyramidPoolingImpl::reset() {
  branches_ = register_module("branches", torch::nn::ModuleList());
  for (size_t i = 0; i < options_.bins().size(); ++i) {
    branches_->push_back(ConvBnRelu(
        ConvBnReluOptions(options_.in_channels(), reduced_channels(), 1)
    ));
  }
}

torch::Tensor PyramidPoolingImpl::forward(const torch::Tensor& features) {
  const auto bins_onto_map = options_.alignment() == Alignment::kCorners
                                 ? Alignment::kCorners
                                 : Alignment::kEdges;
  std::vector<torch::Tensor> maps{features};
  for (size_t i = 0; i < options_.bins().size(); ++i) {
    const int64_t bin = options_.bins()[i];
    const auto branch = branches_->ptr<ConvBnReluImpl>(i);
    TORCH_CHECK(
        bin > 1 || features.size(0) > 1 || !branch->needs_several_images(),
        "PyramidPooling: a bin of 1 in training needs a batch of 2 or more, got 1; otherwise its batch norm has a single value per channel"
    );
    maps.push_back(resize_like(
        branch->forward(mean_bins(features, bin)), features,
        {bins_onto_map, {}, {}}
    ));
  }
  return torch::cat(maps, 1);
}

}  // namespace deeplab::nn
