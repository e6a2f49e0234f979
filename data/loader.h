// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/augment.h"
#include "data/dataset/dataset.h"
#include "deeplab/core/process_share.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {

/// Settings of the training loader.
struct LoaderOptions {
  /// Global batch size, i.e. of all processes together. It must be divisible by
  /// their number.
  int64_t batch_size = 16;
  /// The slice of each batch that this process reads.
  ProcessShare share;
  /// Drops the last, incomplete batch of an epoch, like PyTorch's `drop_last`.
  bool drop_last = true;
  uint64_t seed = 0;
  /// Number of threads that read and augment; 0 uses the calling thread.
  int64_t workers = 1;
  /// Number of batches to prepare ahead. At most prefetch + 1 batches are in
  /// memory.
  int64_t prefetch = 2;
  AugmentConfig augment;
  Normalization normalization;
};

/// Returns a source of batches of augmented samples. The data set is shuffled
/// anew in every epoch. The order depends only on (seed, epoch) and the
/// augmentation of a sample only on (seed, epoch, index). Batches are therefore
/// bit-identical for any number of workers, and may be requested in any order,
/// so a run can resume anywhere.
///
/// The source owns the worker threads and must be used from one thread at a
/// time. When a sample cannot be read, requesting its batch throws what the
/// data set throws.
/// Throws: ConfigError if an epoch has no batch; with `drop_last`, if the data
///         set is smaller than one batch.
BatchSource make_loader(
    std::shared_ptr<const Dataset> dataset, const LoaderOptions& options
);

/// Returns the images of a data set one by one, in full size and without
/// augmentation.
SampleSource make_sample_source(
    std::shared_ptr<const Dataset> dataset, const Normalization& normalization
);

}  // namespace deeplab::data
