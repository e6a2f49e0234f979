// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/augment.h"
#include "data/dataset.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {

/// How batches are made for training.
struct LoaderOptions {
  /// Of all processes together, whose number it divides by.
  int64_t batch_size = 16;
  /// Of several processes that share each batch out: this one, and how many.
  int64_t rank = 0;
  int64_t processes = 1;
  /// Leaves out the last, smaller batch of an epoch.
  bool drop_last = true;
  uint64_t seed = 0;
  /// Threads that read and augment; 0: the caller's own.
  int64_t workers = 1;
  /// Batches kept ready, which bounds the memory: so many, and one more.
  int64_t prefetch = 2;
  AugmentConfig augment;
  Normalization normalization;
};

/// Batches of augmented samples. Every epoch is a new order of the data set;
/// order and augmentation of a sample come from (seed, epoch, index) alone, so
/// the bits are the same for any number of workers, and a batch can be asked
/// for out of turn (a resumed run starts anywhere).
///
/// The source keeps the workers alive and belongs to one thread. It throws
/// what the data set throws, at the batch that holds the bad sample.
/// Throws: ConfigError where the data set has no full batch.
BatchSource make_loader(
    std::shared_ptr<const Dataset> dataset, const LoaderOptions& options
);

/// The images of a data set one by one, whole and not augmented.
SampleSource make_sample_source(
    std::shared_ptr<const Dataset> dataset, const Normalization& normalization
);

}  // namespace deeplab::data
