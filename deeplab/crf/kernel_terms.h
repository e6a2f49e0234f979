// SPDX-License-Identifier: Apache-2.0
// Every way to compute a kernel begins with these functions.
#pragma once

#include <vector>

#include "deeplab/crf/dense_crf.h"
#include "deeplab/crf/filters/filter.h"

namespace deeplab::crf {

/// Returns the points between which the kernel is a Gaussian: the options' own
/// features, or position and color divided by their standard deviations.
Features features_of(const KernelOptions& options, const Image& image);

/// Returns the factors that normalise a kernel and give it its weight. `sums`
/// holds, for each pixel i, the sum of k_ij over all j.
Scales scales_for(
    Normalization normalization, const std::vector<float>& sums, double weight
);

}  // namespace deeplab::crf
