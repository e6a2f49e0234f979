// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "deeplab/nn/loops.h"

namespace deeplab::compile {

// This is the inner loop of depthwise convolutions of channels_last maps. It is
// compiled for several vector widths, and the widest that the CPU supports is
// used. All arithmetic is in float32.

/// The loops need at least as many channels.
constexpr int64_t kLeastChannels = 16;

/// A place of the kernel that lies within the input, for all pixels of a run.
struct Tap {
  /// Its offset in the input, in elements, from the first place of the kernel.
  int64_t input;
  /// Its offset in the weights.
  int64_t weight;
};

struct DepthwiseWeights {
  /// [places of the kernel, channels]
  const float* weight;
  /// [channels]
  const float* bias;
  int64_t channels;
  /// Whether a ReLU is applied to the input first.
  bool rectifies_input;
  /// Limits of the output.
  float floor;
  float ceiling;
};

/// Neighbouring pixels of one row of the output. Outputs and residuals follow
/// each other at distances of `channels`.
template <class Value>
struct PixelRun {
  int64_t pixels;
  const Tap* taps;
  int64_t tap_count;
  /// First place of the first pixel's kernel, which may be outside the map.
  const Value* input;
  /// Distance between the pixels' kernels.
  int64_t input_step;
  /// Is added before the limits; may be null.
  const Value* residual;
  Value* output;
};

void run_depthwise(const DepthwiseWeights& weights, const PixelRun<float>& run);
void run_depthwise(
    const DepthwiseWeights& weights, const PixelRun<nn::Bfloat16>& run
);

}  // namespace deeplab::compile
