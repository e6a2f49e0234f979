// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/max_pool.h"

#include <limits>

#include <torch/nn/functional/padding.h>
#include <torch/nn/functional/pooling.h>

namespace deeplab::nn {

void MaxPoolImpl::set_stride_and_dilation(int64_t stride, int64_t dilation) {
  stride_ = stride;
  dilation_ = options_.dilatable() ? dilation : 1;
}

Window MaxPoolImpl::window() const {
  const bool centred = options_.kernel() == 3;
  return {
      centred ? 0 : static_cast<double>(dilation_) / 2,
      static_cast<int>(stride_)};
}

torch::Tensor MaxPoolImpl::forward(const torch::Tensor& features) {
  namespace functional = torch::nn::functional;
  const bool centred = options_.kernel() == 3;
  auto pool = functional::MaxPool2dFuncOptions(options_.kernel())
                  .stride(stride_)
                  .dilation(dilation_)
                  .ceil_mode(options_.ceil_mode());
  if (stride_ > 1) {
    return functional::max_pool2d(features, pool.padding(centred ? 1 : 0));
  }
  // torch's own padding may not exceed half of the undilated window.
  const int64_t before = centred ? dilation_ : 0;
  const int64_t after = dilation_;
  const auto padded = functional::pad(
      features, functional::PadFuncOptions({before, after, before, after})
                    .value(-std::numeric_limits<double>::infinity())
  );
  return functional::max_pool2d(padded, pool);
}

}  // namespace deeplab::nn
