// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/norm.h"

#include <numeric>

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/group_norm.h>
#include <torch/autograd.h>

#include "deeplab/nn/all_reduce.h"

namespace deeplab::nn {
namespace {

/// A differentiable sum over processes. What one process adds affects the
/// losses of all processes, so backward sums the gradients over processes, too.
class SumFunction : public torch::autograd::Function<SumFunction> {
 public:
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  static torch::Tensor forward(
      Context* context,
      const torch::Tensor& values,
      const c10::intrusive_ptr<torch::CustomClassHolder>& holder
  ) {
    context->saved_data["sum"] = c10::IValue::make_capsule(holder);
    auto total = values.clone();
    static_cast<AllReduceHolder&>(*holder).sum(total);
    return total;
  }
  static Tensors backward(Context* context, Tensors gradients) {
    const auto holder = context->saved_data["sum"].toCapsule();
    auto total = gradients[0].clone();
    static_cast<AllReduceHolder&>(*holder).sum(total);
    return {total, {}};
  }
};

torch::Tensor by_channel(const torch::Tensor& values) {
  return values.view({1, -1, 1, 1});
}

}  // namespace

NormImpl::NormImpl(int64_t channels)
    : NormImplBase(torch::nn::BatchNormOptions(channels)) {}

void NormImpl::_check_input_dim(const torch::Tensor& input) {
  TORCH_CHECK(
      input.dim() == 4, "batch norm: expected [N, C, h, w], got ", input.sizes()
  );
}

torch::Tensor NormImpl::forward(const torch::Tensor& features) {
  _check_input_dim(features);
  if (is_group_norm()) {
    const int64_t groups = std::gcd(groups_, features.size(1));
    // Under autocast, features have a narrower type than the weights, which
    // LibTorch's kernel does not support.
    const bool is_narrow = features.scalar_type() != weight.scalar_type();
    const auto normed = at::group_norm(
        is_narrow ? features.to(weight.scalar_type()) : features, groups,
        weight, bias, options.eps()
    );
    return is_narrow ? normed.to(features.scalar_type()) : normed;
  }
  const bool training = is_training();
  if (training && sum_) return forward_over_processes(features);
  const bool updates = training && !keeps_statistics_;
  if (updates) num_batches_tracked += 1;
  const bool has_statistics = updates || !training;
  return at::batch_norm(
      features, weight, bias, has_statistics ? running_mean : torch::Tensor(),
      has_statistics ? running_var : torch::Tensor(), training,
      *options.momentum(), options.eps(), at::globalContext().userEnabledCuDNN()
  );
}

torch::Tensor NormImpl::forward_over_processes(const torch::Tensor& features) {
  const bool is_double = features.scalar_type() == torch::kFloat64;
  const auto values = is_double ? features : features.to(torch::kFloat32);
  const auto holder = c10::make_intrusive<AllReduceHolder>(sum_);
  const auto over_all = [&](const torch::Tensor& channels) {
    return SumFunction::apply(
        channels, c10::intrusive_ptr<torch::CustomClassHolder>(holder)
    );
  };
  auto count = torch::full(
      {1}, static_cast<double>(features.numel() / features.size(1)),
      values.options()
  );
  const auto sums = over_all(torch::cat({values.sum({0, 2, 3}), count}));
  const auto total = sums[-1].detach();
  const auto mean = sums.slice(0, 0, -1) / total;
  const auto centred = values - by_channel(mean);
  const auto variance = over_all(centred.square().sum({0, 2, 3})) / total;
  update_running_statistics(
      mean.detach(), variance.detach(), total.item<double>()
  );
  const auto scale = weight * (variance + options.eps()).rsqrt();
  return (centred * by_channel(scale) + by_channel(bias))
      .to(features.scalar_type());
}

void NormImpl::update_running_statistics(
    const torch::Tensor& mean, const torch::Tensor& variance, double count
) {
  if (keeps_statistics_) return;
  torch::NoGradGuard no_grad;
  num_batches_tracked += 1;
  const double momentum = *options.momentum();
  // The update bypasses autograd, as torch's kernel does, because an earlier
  // pass through this norm may still wait for its backward.
  auto old_mean = running_mean.variable_data();
  auto old_variance = running_var.variable_data();
  old_mean.mul_(1 - momentum).add_(mean, momentum);
  old_variance.mul_(1 - momentum)
      .add_(variance, momentum * count / (count - 1));
}

void set_norm_groups(torch::nn::Module& module, int64_t groups) {
  for (const auto& child : module.modules(/*include_self=*/false)) {
    if (auto* norm = child->as<NormImpl>()) norm->set_groups(groups);
  }
}

void set_norm_sum(torch::nn::Module& module, const AllReduce& sum) {
  for (const auto& child : module.modules(/*include_self=*/false)) {
    if (auto* norm = child->as<NormImpl>()) norm->set_all_reduce(sum);
  }
}

}  // namespace deeplab::nn
