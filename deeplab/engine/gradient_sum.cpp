// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/gradient_sum.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace deeplab::engine {

struct GradientSum::Bucket {
  std::vector<size_t> parameters;
  /// Offset of each parameter in `values`.
  std::vector<int64_t> starts;
  torch::Tensor values;
  /// Number of parameters whose gradient is complete.
  size_t ready = 0;
  std::unique_ptr<ProcessGroup::Pending> sum;
};

/// Calls arrive() whenever a gradient is added to a parameter, as long as the
/// hook lives.
struct GradientSum::Hook {
  class GradientReadyHook : public torch::autograd::FunctionPostHook {
   public:
    GradientReadyHook(GradientSum& owner, size_t parameter)
        : owner_(owner), parameter_(parameter) {}
    torch::autograd::variable_list operator()(
        const torch::autograd::variable_list& outputs,
        const torch::autograd::variable_list& /*inputs*/
    ) override {
      owner_.arrive(parameter_);
      return outputs;
    }

   private:
    GradientSum& owner_;
    size_t parameter_;
  };

  Hook(GradientSum& owner, const torch::Tensor& value, size_t parameter)
      : accumulator(torch::autograd::impl::grad_accumulator(value)),
        key(accumulator->add_post_hook(
            std::make_unique<GradientReadyHook>(owner, parameter)
        )) {}
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;
  ~Hook() { accumulator->del_post_hook(key); }

  /// Type of a shared pointer, which differs between versions of LibTorch.
  using Accumulator = decltype(torch::autograd::impl::grad_accumulator({}));
  Accumulator accumulator;
  uintptr_t key;
};

GradientSum::GradientSum(
    const std::vector<TrainedParameter>& parameters,
    std::shared_ptr<ProcessGroup> processes,
    int64_t bucket_bytes
)
    : processes_(std::move(processes)),
      expected_(parameters.size(), 0),
      arrived_(parameters.size(), 0) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    parameters_.push_back(parameters[i].parameter);
    hooks_.push_back(std::make_unique<Hook>(*this, parameters_[i], i));
  }
  fill_buckets(bucket_bytes);
}

GradientSum::~GradientSum() = default;

void GradientSum::fill_buckets(int64_t bucket_bytes) {
  bucket_of_.resize(parameters_.size());
  int64_t size = 0;
  const auto device = parameters_.front().device();
  const auto options =
      torch::TensorOptions(parameters_.front().scalar_type())
          .device(processes_->adds_on(device) ? device : torch::kCPU);
  const auto close = [&] {
    if (size == 0) return;
    buckets_.back()->values = torch::zeros({size}, options);
    size = 0;
  };
  // Backward computes the gradients of the last layers first.
  for (size_t i = parameters_.size(); i-- > 0;) {
    const int64_t more = parameters_[i].numel();
    const auto bytes =
        static_cast<int64_t>(parameters_[i].element_size()) * (size + more);
    if (size == 0 || bytes > bucket_bytes) {
      close();
      buckets_.push_back(std::make_unique<Bucket>());
    }
    auto& bucket = *buckets_.back();
    bucket.parameters.push_back(i);
    bucket.starts.push_back(size);
    bucket_of_[i] = &bucket;
    size += more;
  }
  close();
}

void GradientSum::begin() {
  active_ = true;
  std::fill(arrived_.begin(), arrived_.end(), 0);
  for (auto& bucket : buckets_) {
    bucket->ready = 0;
    bucket->sum.reset();
  }
}

void GradientSum::arrive(size_t parameter) {
  if (!active_) return;
  ++arrived_[parameter];
  if (!knows_expected_ || arrived_[parameter] != expected_[parameter]) return;
  auto& bucket = *bucket_of_[parameter];
  if (++bucket.ready == bucket.parameters.size()) send(bucket);
}

void GradientSum::send(Bucket& bucket) {
  torch::NoGradGuard no_grad;
  for (size_t k = 0; k < bucket.parameters.size(); ++k) {
    const auto& parameter = parameters_[bucket.parameters[k]];
    auto place = bucket.values.narrow(0, bucket.starts[k], parameter.numel());
    if (parameter.grad().defined()) {
      // Copies in memory order, so that channels_last gradients are contiguous.
      place.copy_(parameter.grad().as_strided(
          {parameter.numel()}, {1}, parameter.grad().storage_offset()
      ));
    } else {
      place.zero_();
    }
  }
  bucket.sum = processes_->begin_sum(bucket.values);
}

void GradientSum::finish() {
  torch::NoGradGuard no_grad;
  active_ = false;
  for (auto& bucket : buckets_) {
    if (!bucket->sum) send(*bucket);
  }
  for (auto& bucket : buckets_) {
    bucket->sum->wait();
    for (size_t k = 0; k < bucket->parameters.size(); ++k) {
      auto gradient = parameters_[bucket->parameters[k]].grad();
      if (!gradient.defined()) continue;
      const auto sums =
          bucket->values.narrow(0, bucket->starts[k], gradient.numel());
      gradient.copy_(sums.as_strided(
          gradient.sizes(), gradient.strides(), sums.storage_offset()
      ));
    }
  }
  if (!knows_expected_) expected_ = arrived_;
  knows_expected_ = true;
}

}  // namespace deeplab::engine
