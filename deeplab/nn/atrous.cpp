// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/atrous.h"

#include <variant>

namespace deeplab::nn {

torch::nn::Conv2d make_conv(int64_t in, int64_t out, int64_t kernel) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2).bias(false)
  );
}

void set_dilation(torch::nn::Conv2dImpl& conv, int64_t dilation) {
  const auto kernel = conv.options.kernel_size();
  const auto pad = [&](size_t side) {
    return dilation * ((*kernel)[side] - 1) / 2;
  };
  conv.options.dilation(dilation);
  conv.options.padding(torch::ExpandingArray<2>({pad(0), pad(1)}));
}

Window window_of(const torch::nn::Conv2dImpl& conv) {
  // LibTorch 1.13 has a variant of its own, which its get_if is found for.
  using std::get_if;
  const auto& options = conv.options;
  const auto* padding = get_if<torch::ExpandingArray<2>>(&options.padding());
  const int64_t before = padding == nullptr ? 0 : (*padding)->at(0);
  const int64_t reach =
      options.dilation()->at(0) * (options.kernel_size()->at(0) - 1);
  return {
      static_cast<double>(reach) / 2 - static_cast<double>(before),
      static_cast<int>(options.stride()->at(0))};
}

void AtrousPlan::pass_stem(const Window& layer) {
  stride_ *= layer.stride;
  grid_ = through(grid_, layer);
}

int64_t AtrousPlan::pass(int64_t native) {
  const int64_t before = dilation_;
  const int64_t kept = kept_stride(native);
  stride_ *= kept;
  dilation_ *= native / kept;
  return multi_grid_ *
         (rule_ == LostStride::kTakesDilation ? dilation_ : before);
}

void AtrousPlan::apply(torch::nn::Conv2dImpl& conv, int64_t native) {
  conv.options.stride(kept_stride(native));
  set_dilation(conv, pass(native));
  grid_ = through(grid_, window_of(conv));
}

void AtrousPlan::apply(MaxPoolImpl& pool, int64_t native) {
  const int64_t kept = kept_stride(native);
  pool.set_stride_and_dilation(kept, pass(native));
  grid_ = through(grid_, pool.window());
}

}  // namespace deeplab::nn
