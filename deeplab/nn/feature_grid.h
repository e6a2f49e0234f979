// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace deeplab::nn {

/// Says where the features of a map look: feature k looks at pixel first + k *
/// step, along both axes. Pixels are counted from the centre of the image's
/// first pixel; an image is its own grid, {0, 1}.
struct FeatureGrid {
  double first = 0;
  double step = 1;
};

inline bool operator==(const FeatureGrid& a, const FeatureGrid& b) {
  return a.first == b.first && a.step == b.step;
}

/// The window of a layer: output k is computed from the inputs around
/// centre + k * stride, counted in inputs.
struct Window {
  double centre;
  int stride;
};

/// Returns where the outputs of a layer look whose inputs look at `inputs`.
inline FeatureGrid through(const FeatureGrid& inputs, const Window& window) {
  return {
      inputs.first + window.centre * inputs.step, inputs.step * window.stride};
}

}  // namespace deeplab::nn
