// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace deeplab::crf {

/// What an energy may be at most, in size.
constexpr double kMostEnergy = 1e20;

/// -log p of probabilities, [labels, height * width] each, to `energies`, which
/// may be the same memory. Clipped at 1e-5, as the reference.
/// Throws: DataError naming the first pixel's that is not in 0..1.
void energies_of_probabilities(
    const float* probabilities, size_t labels, size_t pixels, float* energies
);

/// The same of the softmax of logits.
/// Throws: DataError naming the first pixel's that is not finite.
void energies_of_logits(
    const float* logits, size_t labels, size_t pixels, float* energies
);

/// -log p for hard labels that are right with probability `confidence`, in
/// (1 / labels, 1); a label at or above `labels` (void) says nothing.
/// Throws: ConfigError for the confidence.
void energies_of_labels(
    const uint8_t* mask,
    size_t labels,
    size_t pixels,
    double confidence,
    float* energies
);

}  // namespace deeplab::crf
