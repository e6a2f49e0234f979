// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace deeplab::crf {

/// Largest allowed absolute energy.
constexpr double kMostEnergy = 1e20;

/// Writes -log p of probabilities to `energies`. Both are [labels, height *
/// width] and may be the same memory. Probabilities are clipped at 1e-5, as in
/// the reference implementation.
/// Throws: DataError naming the first pixel with a value that is not in 0..1.
void energies_of_probabilities(
    const float* probabilities, size_t labels, size_t pixels, float* energies
);

/// Does the same for the softmax of logits.
/// Throws: DataError naming the first pixel with a value that is not finite.
void energies_of_logits(
    const float* logits, size_t labels, size_t pixels, float* energies
);

/// Writes -log p for hard labels that are right with probability `confidence`,
/// in (1 / labels, 1). A label at or above `labels` (void) makes all labels
/// equally probable.
/// Throws: ConfigError if the confidence is out of range.
void energies_of_labels(
    const uint8_t* mask,
    size_t labels,
    size_t pixels,
    double confidence,
    float* energies
);

}  // namespace deeplab::crf
