// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <torch/nn/cloneable.h>

namespace deeplab::nn {

template <class Derived, class Interface>
struct Implementation {};

/// Base class of a module that implements `Interface`, which is itself a
/// torch::nn::Module. It does the work of torch::nn::Cloneable, which cannot be
/// used here because from LibTorch 2 on it adds a second Module base. `reset()`
/// must register all parameters, buffers and submodules.
template <class Derived, class Interface>
using Implements = torch::nn::Cloneable<Implementation<Derived, Interface>>;

/// Argument type of a module's clone(), which differs between versions of
/// LibTorch.
template <class Result, class Argument>
Argument argument_of(Result (torch::nn::Module::*)(Argument) const);
using CloneDevice = decltype(argument_of(&torch::nn::Module::clone));

}  // namespace deeplab::nn

/// This is a specialisation of torch::nn::Cloneable because torch::nn::Module
/// opens the members that clone() needs only to its friend Cloneable.
template <class Derived, class Interface>
class torch::nn::Cloneable<deeplab::nn::Implementation<Derived, Interface>>
    : public Interface {
 public:
  virtual void reset() = 0;

  std::shared_ptr<Module> clone(deeplab::nn::CloneDevice device = {})
      const override {
    NoGradGuard no_grad;
    auto copy = std::make_shared<Derived>(static_cast<const Derived&>(*this));
    copy->parameters_.clear();
    copy->buffers_.clear();
    copy->children_.clear();
    copy->reset();
    const auto fill = [&](auto& own, const auto& tensors) {
      TORCH_CHECK(
          own.size() == tensors.size(),
          "clone: reset() must register the same tensors as the module has"
      );
      for (const auto& item : tensors) {
        const auto& value = item.value();
        own[item.key()].set_data(
            device && *device != value.device() ? value.to(*device)
                                                : value.clone()
        );
      }
    };
    fill(copy->parameters_, this->parameters_);
    fill(copy->buffers_, this->buffers_);
    TORCH_CHECK(
        copy->children_.size() == this->children_.size(),
        "clone: reset() must register the same modules as the module has"
    );
    for (const auto& child : this->children_) {
      copy->children_[child.key()]->clone_(*child.value(), device);
    }
    return copy;
  }

 private:
  void clone_(Module& other, deeplab::nn::CloneDevice device) final {
    const auto copy = std::dynamic_pointer_cast<Derived>(other.clone(device));
    TORCH_CHECK(
        copy != nullptr,
        "clone: reset() must register the same modules as the module has"
    );
    static_cast<Derived&>(*this) = *copy;
  }
};
