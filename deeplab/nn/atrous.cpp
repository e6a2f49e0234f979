// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/atrous.h"

namespace deeplab::nn {

void set_dilation(torch::nn::Conv2dImpl& conv, int64_t dilation) {
  const auto kernel = conv.options.kernel_size();
  const auto pad = [&](size_t side) {
    return dilation * ((*kernel)[side] - 1) / 2;
  };
  conv.options.dilation(dilation);
  conv.options.padding(torch::ExpandingArray<2>({pad(0), pad(1)}));
}

void AtrousPlan::apply(torch::nn::Conv2dImpl& conv, int64_t native) {
  const int64_t kept = kept_stride(native);
  conv.options.stride(kept);
  set_dilation(conv, dilation_);
  stride_ *= kept;
  dilation_ *= native / kept;
}

void AtrousPlan::apply_beside(torch::nn::Conv2dImpl& conv, int64_t native)
    const {
  conv.options.stride(kept_stride(native));
}

}  // namespace deeplab::nn
