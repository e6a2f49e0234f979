// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/recompute.h"

#include "deeplab/nn/autocast.h"
#include "deeplab/nn/norm.h"

namespace deeplab::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct PartHolder : torch::CustomClassHolder {
  PartHolder(torch::nn::Module& module, PartForward function)
      : part(module),
        forward(std::move(function)),
        precision(active_autocast_type()) {}
  torch::nn::Module& part;
  PartForward forward;
  std::optional<torch::ScalarType> precision;
};

/// Freezes the running statistics of a part while the object lives: the first
/// run has already added the batch to them.
class KeptStatistics {
 public:
  explicit KeptStatistics(torch::nn::Module& part) : part_(part) { keep(true); }
  KeptStatistics(const KeptStatistics&) = delete;
  KeptStatistics& operator=(const KeptStatistics&) = delete;
  ~KeptStatistics() { keep(false); }

 private:
  void keep(bool kept) const {
    for (const auto& child : part_.modules(/*include_self=*/false)) {
      if (auto* norm = child->as<NormImpl>()) {
        norm->keep_running_statistics(kept);
      }
    }
  }
  torch::nn::Module& part_;
};

class Recompute : public torch::autograd::Function<Recompute> {
 public:
  static variable_list forward(
      AutogradContext* context,
      const torch::Tensor& features,
      const c10::intrusive_ptr<torch::CustomClassHolder>& holder
  ) {
    context->save_for_backward({features});
    context->saved_data["part"] = c10::IValue::make_capsule(holder);
    torch::NoGradGuard no_grad;
    return static_cast<PartHolder&>(*holder).forward(features);
  }

  static variable_list backward(
      AutogradContext* context, variable_list gradients
  ) {
    const auto holder = context->saved_data["part"].toCapsule();
    auto& part = static_cast<PartHolder&>(*holder);
    auto features = context->get_saved_variables()[0].detach();
    features.requires_grad_();
    variable_list outputs;
    {
      const torch::AutoGradMode with_grad(true);
      const KeptStatistics kept(part.part);
      const Autocast autocast(features.device(), part.precision);
      outputs = part.forward(features);
    }
    variable_list reached;
    variable_list given;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!gradients[i].defined()) continue;
      reached.push_back(outputs[i]);
      given.push_back(gradients[i]);
    }
    torch::autograd::backward(reached, given);
    return {features.grad(), {}};
  }
};

}  // namespace

variable_list recompute(
    torch::nn::Module& part, PartForward forward, const torch::Tensor& features
) {
  if (!torch::GradMode::is_enabled() || !features.requires_grad()) {
    return forward(features);
  }
  return Recompute::apply(
      features, c10::intrusive_ptr<torch::CustomClassHolder>(
                    c10::make_intrusive<PartHolder>(part, std::move(forward))
                )
  );
}

}  // namespace deeplab::nn
