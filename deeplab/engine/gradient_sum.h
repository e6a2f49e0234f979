// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "deeplab/engine/optimizer.h"
#include "deeplab/engine/process_group.h"

namespace deeplab::engine {

/// Adds the gradients of a network up over processes while backward still
/// runs: they are packed into buckets, the last layers first, and a bucket sets
/// out as soon as all of it is there. Buckets are the same in each step and
/// each run, so that sums come out the same bits.
/// Source: Li et al. 2020, "PyTorch Distributed", arXiv:2006.15704, section
///         3.2.
class GradientSum {
 public:
  /// The parameters stay where they are while this lives. `bucket_bytes` is
  /// the size above which a bucket is closed.
  GradientSum(
      const std::vector<TrainedParameter>& parameters,
      std::shared_ptr<ProcessGroup> processes,
      int64_t bucket_bytes
  );
  ~GradientSum();
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;

  /// Before the backward whose gradients, with all those before, are added up.
  void begin();
  /// After it: all gradients are sums when it returns.
  void finish();

 private:
  struct Bucket;
  struct Hook;
  void fill_buckets(int64_t bucket_bytes);
  void arrive(size_t parameter);
  void send(Bucket& bucket);

  std::vector<torch::Tensor> parameters_;
  std::shared_ptr<ProcessGroup> processes_;
  std::vector<std::unique_ptr<Hook>> hooks_;
  std::vector<std::unique_ptr<Bucket>> buckets_;
  /// Of each parameter: its bucket.
  std::vector<Bucket*> bucket_of_;
  /// How often each gradient is added to in one backward (several times where
  /// it is run in parts), once that is known.
  std::vector<int64_t> expected_;
  std::vector<int64_t> arrived_;
  bool knows_expected_ = false;
  bool active_ = false;
};

}  // namespace deeplab::engine
