// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/pair_weights.h"

#include "deeplab/crf/kernel_terms.h"
#include "deeplab/crf/kernels/pair_loops.h"

namespace deeplab::crf {

PairWeights::PairWeights(
    const KernelOptions& kernel, Normalization normalization, const Image& image
)
    : pixels_(static_cast<size_t>(image.height * image.width)),
      coordinates_(0, 1) {
  if (kernel.neighbours != 0) {
    links_ = link_neighbours(image, kernel.color_sigma, kernel.neighbours);
  } else {
    coordinates_ = coordinates_of(features_of(kernel, image));
  }
  std::vector<float> sums(pixels_);
  for (size_t i = 0; i < pixels_; ++i) {
    // A kernel over all pixels has k_ii = 1 in its sum, though not in its
    // votes.
    sums[i] = links_ ? 0 : 1;
    for_others(i, [&](size_t /*other*/, float weight) { sums[i] += weight; });
  }
  scales_ = scales_for(normalization, sums, kernel.weight);
}

template <class Function>
void PairWeights::for_others(size_t pixel, const Function& function) const {
  if (links_) {
    const size_t first = pixel * links_->per_pixel;
    for (size_t at = first; at < first + links_->per_pixel; ++at) {
      function(links_->others[at], links_->weights[at]);
    }
    return;
  }
  std::vector<float> weights(coordinates_.width());
  compute_pairs({coordinates_, pixel}, weights.data());
  for (size_t j = 0; j < pixels_; ++j) {
    if (j != pixel) function(j, weights[j]);
  }
}

void PairWeights::add_votes(
    size_t pixel, const std::vector<uint8_t>& labels, std::vector<double>& votes
) const {
  const auto taken = static_cast<double>(scales_.taken[pixel]);
  for_others(pixel, [&](size_t other, float weight) {
    votes[labels[other]] +=
        taken * static_cast<double>(weight * scales_.given[other]);
  });
}

}  // namespace deeplab::crf
