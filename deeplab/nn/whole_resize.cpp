// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/whole_resize.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/library.h>

namespace deeplab::nn {
namespace {

thread_local bool is_requested = false;

torch::Tensor run_resize_like(
    const torch::Tensor& features,
    const torch::Tensor& like,
    int64_t alignment,
    double from_first,
    double from_step,
    double to_first,
    double to_step
) {
  return resize_like(
      features, like,
      {static_cast<Alignment>(alignment),
       {from_first, from_step},
       {to_first, to_step}}
  );
}

torch::Tensor run_rescale(
    const torch::Tensor& features, double factor, int64_t alignment
) {
  return rescale(features, factor, static_cast<Alignment>(alignment));
}

TORCH_LIBRARY(deeplab, library) {
  library.def(
      "resize_like(Tensor features, Tensor like, int alignment, float from_first, float from_step, float to_first, float to_step) -> Tensor",
      run_resize_like
  );
  library.def(
      "rescale(Tensor features, float factor, int alignment) -> Tensor",
      run_rescale
  );
}

/// Returns the operator `name` as a function that a trace records.
template <class Function>
c10::TypedOperatorHandle<Function> operator_named(const char* name) {
  return c10::Dispatcher::singleton()
      .findSchemaOrThrow(name, "")
      .typed<Function>();
}

}  // namespace

TraceWholeResizes::TraceWholeResizes() : outer_(is_requested) {
  is_requested = true;
}

TraceWholeResizes::~TraceWholeResizes() { is_requested = outer_; }

bool TraceWholeResizes::is_active() {
  return is_requested && torch::jit::tracer::isTracing();
}

torch::Tensor trace_resize_like(
    const torch::Tensor& features,
    const torch::Tensor& like,
    const Resampling& resampling
) {
  static const auto record =
      operator_named<decltype(run_resize_like)>("deeplab::resize_like");
  return record.call(
      features, like, static_cast<int64_t>(resampling.alignment),
      resampling.from.first, resampling.from.step, resampling.to.first,
      resampling.to.step
  );
}

torch::Tensor trace_rescale(
    const torch::Tensor& features, double factor, Alignment alignment
) {
  static const auto record =
      operator_named<decltype(run_rescale)>("deeplab::rescale");
  return record.call(features, factor, static_cast<int64_t>(alignment));
}

}  // namespace deeplab::nn
