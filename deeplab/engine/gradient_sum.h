// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "deeplab/engine/optimizer.h"
#include "deeplab/engine/process_group.h"

namespace deeplab::engine {

/// Sums the gradients of a network over processes while backward is still
/// running, like PyTorch's DistributedDataParallel. Gradients are packed into
/// buckets, the last layers first, and the sum of a bucket starts as soon as
/// all its gradients are complete. Buckets are the same in every step and every
/// run, so the sums are bit-identical.
/// Source: Li et al. 2020, "PyTorch Distributed", arXiv:2006.15704, section
///         3.2.
class GradientSum {
 public:
  /// The parameters must keep their memory as long as this object lives.
  /// `bucket_bytes` is the largest size of a bucket; a larger parameter has a
  /// bucket of its own.
  GradientSum(
      const std::vector<TrainedParameter>& parameters,
      std::shared_ptr<ProcessGroup> processes,
      int64_t bucket_bytes
  );
  ~GradientSum();
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;

  /// Must be called before the last backward of a step. The gradients of this
  /// backward, and those accumulated before it, are summed.
  void begin();
  /// Must be called after that backward. When it returns, all gradients are
  /// sums over the processes.
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
  /// Bucket of each parameter.
  std::vector<Bucket*> bucket_of_;
  /// Number of times that each gradient is added to in one backward (more than
  /// once if backward runs in parts, as activation checkpointing does). It is
  /// learned in the first step.
  std::vector<int64_t> expected_;
  std::vector<int64_t> arrived_;
  bool knows_expected_ = false;
  bool active_ = false;
};

}  // namespace deeplab::engine
