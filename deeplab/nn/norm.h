// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <torch/nn/modules/batchnorm.h>

namespace deeplab::nn {

/// Adds a tensor up over all processes of a training, in place; every process
/// calls it in the same order and gets the same bits.
using SumOverProcesses = std::function<void(torch::Tensor&)>;

/// Batch norm over [N, C, h, w], whose parameters, buffers and names are those
/// of torch::nn::BatchNorm2d. Two things can be changed after it is built:
/// while training, it can take its statistics over all processes; and it can
/// be a group norm, whose statistics are of each image alone.
///
/// Source: Ioffe and Szegedy 2015, arXiv:1502.03167; Wu and He 2018,
///         arXiv:1803.08494 (group norm).
class NormImpl
    : public torch::nn::NormImplBase<2, NormImpl, torch::nn::BatchNormOptions> {
 public:
  explicit NormImpl(int64_t channels);

  /// Throws: c10::Error for a map that is not [N, C, h, w].
  torch::Tensor forward(const torch::Tensor& features);

  /// Groups of channels of a group norm, or 0: batch norm. Where the channels
  /// do not divide by it, their greatest common divisor is taken.
  void set_groups(int64_t groups) { groups_ = groups; }
  bool is_group_norm() const noexcept { return groups_ > 0; }

  /// Whether it takes its statistics from the batch at hand.
  bool uses_batch_statistics() const { return is_training() && groups_ == 0; }

  /// Over which processes a batch reaches; empty: this one.
  void set_sum(SumOverProcesses sum) { sum_ = std::move(sum); }
  const SumOverProcesses& sum() const noexcept { return sum_; }

  /// While set, running statistics stay as they are although it trains.
  void keep_running_statistics(bool keep) { keeps_statistics_ = keep; }

  /// As torch's batch norm in training: exponential means, unbiased variance.
  /// `mean` and `variance` (biased) of `count` values a channel.
  void update_running_statistics(
      const torch::Tensor& mean, const torch::Tensor& variance, double count
  );

 protected:
  void _check_input_dim(const torch::Tensor& input) override;

 private:
  torch::Tensor forward_over_processes(const torch::Tensor& features);

  int64_t groups_ = 0;
  SumOverProcesses sum_;
  bool keeps_statistics_ = false;
};
TORCH_MODULE(Norm);

/// Makes every norm of a module a group norm; 0: batch norm.
void set_norm_groups(torch::nn::Module& module, int64_t groups);

/// Makes every batch norm of a module take its statistics over processes.
/// Source: Zhao et al. 2017, arXiv:1612.01105, section 4.2 ("cross-GPU").
void set_norm_sum(torch::nn::Module& module, const SumOverProcesses& sum);

}  // namespace deeplab::nn
