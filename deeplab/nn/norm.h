// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <torch/nn/modules/batchnorm.h>

namespace deeplab::nn {

/// All-reduce: sums a tensor over all processes of a training, in place. Every
/// process must call it in the same order, and every process gets the same
/// bits.
using AllReduce = std::function<void(torch::Tensor&)>;

/// Batch norm over [N, C, h, w]. Its parameters, buffers and names are those of
/// torch::nn::BatchNorm2d. Two things can be changed after it is built: while
/// training, it can compute its statistics over all processes (synchronized
/// batch norm); and it can become a group norm, which computes its statistics
/// for each image separately.
///
/// Source: Ioffe and Szegedy 2015, arXiv:1502.03167; Wu and He 2018,
///         arXiv:1803.08494 (group norm).
class NormImpl
    : public torch::nn::NormImplBase<2, NormImpl, torch::nn::BatchNormOptions> {
 public:
  explicit NormImpl(int64_t channels);

  /// Throws: c10::Error for a map that is not [N, C, h, w].
  torch::Tensor forward(const torch::Tensor& features);

  /// Sets the number of groups of a group norm; 0 selects batch norm. If the
  /// number of channels is not divisible by `groups`, their greatest common
  /// divisor is used.
  void set_groups(int64_t groups) { groups_ = groups; }
  bool is_group_norm() const noexcept { return groups_ > 0; }

  /// Returns true if forward() computes its statistics from the current batch.
  bool uses_batch_statistics() const { return is_training() && groups_ == 0; }

  /// Sets the all-reduce for batch statistics. It is empty in a single process.
  void set_all_reduce(AllReduce sum) { sum_ = std::move(sum); }
  const AllReduce& sum() const noexcept { return sum_; }

  /// While set, running statistics do not change in training mode.
  void keep_running_statistics(bool keep) { keeps_statistics_ = keep; }

  /// Updates the running statistics as torch's batch norm does in training:
  /// exponential moving averages of the mean and of the unbiased variance.
  /// `mean` and the biased `variance` were computed from `count` values per
  /// channel.
  void update_running_statistics(
      const torch::Tensor& mean, const torch::Tensor& variance, double count
  );

 protected:
  void _check_input_dim(const torch::Tensor& input) override;

 private:
  torch::Tensor forward_over_processes(const torch::Tensor& features);

  int64_t groups_ = 0;
  AllReduce sum_;
  bool keeps_statistics_ = false;
};
TORCH_MODULE(Norm);

/// Turns every norm of a module into a group norm; 0 turns it back into a batch
/// norm.
void set_norm_groups(torch::nn::Module& module, int64_t groups);

/// Makes every batch norm of a module compute its statistics over all
/// processes.
/// Source: Zhao et al. 2017, arXiv:1612.01105, section 4.2 ("cross-GPU").
void set_norm_sum(torch::nn::Module& module, const AllReduce& sum);

}  // namespace deeplab::nn
