// SPDX-License-Identifier: Apache-2.0
#include "deeplab/compile/depthwise_loops.h"

#include "deeplab/compile/vectors.h"

namespace deeplab::compile {
namespace {

static_assert(kLeastChannels == kLanes);

/// Computes kLanes channels, from `channel` on, of kPixels pixels.
template <int kPixels, bool kRectifies, class Value>
DEEPLAB_BODY void compute(
    const DepthwiseWeights& weights,
    const PixelRun<Value>& run,
    int64_t pixel,
    int64_t channel
) {
  Floats sums[kPixels];
  const auto bias = load(weights.bias + channel);
  for (auto& sum : sums) sum = bias;
  const auto* input = run.input + pixel * run.input_step + channel;
  for (int64_t i = 0; i < run.tap_count; ++i) {
    const auto& tap = run.taps[i];
    const auto weight = load(weights.weight + tap.weight + channel);
#pragma GCC unroll 8
    for (int k = 0; k < kPixels; ++k) {
      auto value = load(input + tap.input + k * run.input_step);
      if (kRectifies) value = value < 0 ? Floats{} : value;
      sums[k] += weight * value;
    }
  }
  const int64_t first = pixel * weights.channels + channel;
#pragma GCC unroll 8
  for (int k = 0; k < kPixels; ++k) {
    const int64_t at = first + k * weights.channels;
    auto sum = sums[k];
    if (run.residual != nullptr) sum += load(run.residual + at);
    // With the comparisons in this order, a NaN stays a NaN.
    sum = sum < weights.floor ? Floats{} + weights.floor : sum;
    sum = sum > weights.ceiling ? Floats{} + weights.ceiling : sum;
    store(sum, run.output + at);
  }
}

template <int kPixels, bool kRectifies, class Value>
DEEPLAB_BODY void compute_channels(
    const DepthwiseWeights& weights, const PixelRun<Value>& run, int64_t pixel
) {
  int64_t channel = 0;
  for (; channel + kLanes <= weights.channels; channel += kLanes) {
    compute<kPixels, kRectifies>(weights, run, pixel, channel);
  }
  // The last vector overlaps the one before it.
  if (channel < weights.channels) {
    compute<kPixels, kRectifies>(
        weights, run, pixel, weights.channels - kLanes
    );
  }
}

template <bool kRectifies, class Value>
DEEPLAB_BODY void compute_run(
    const DepthwiseWeights& weights, const PixelRun<Value>& run
) {
  constexpr int kTogether = 8;
  int64_t pixel = 0;
  for (; pixel + kTogether <= run.pixels; pixel += kTogether) {
    compute_channels<kTogether, kRectifies>(weights, run, pixel);
  }
  for (; pixel < run.pixels; ++pixel) {
    compute_channels<1, kRectifies>(weights, run, pixel);
  }
}

template <class Value>
DEEPLAB_BODY void run_body(
    const DepthwiseWeights& weights, const PixelRun<Value>& run
) {
  if (weights.rectifies_input) {
    compute_run<true>(weights, run);
  } else {
    compute_run<false>(weights, run);
  }
}

}  // namespace

DEEPLAB_VECTOR_WIDTHS
void run_depthwise(
    const DepthwiseWeights& weights, const PixelRun<float>& run
) {
  run_body(weights, run);
}

DEEPLAB_VECTOR_WIDTHS
void run_depthwise(
    const DepthwiseWeights& weights, const PixelRun<nn::Bfloat16>& run
) {
  run_body(weights, run);
}

}  // namespace deeplab::compile
