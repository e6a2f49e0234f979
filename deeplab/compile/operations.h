// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <list>
#include <string>
#include <vector>

#include <ATen/core/ivalue.h>

#include "deeplab/compile/convolution.h"
#include "deeplab/nn/resize.h"

namespace deeplab::compile {

using Values = std::vector<c10::IValue>;

/// One step of a compiled network. It reads and writes numbered values.
struct Operation {
  enum class Kind {
    /// Adds the second input, if there is one, as the residual.
    kConvolution,
    /// Joins the channels of all inputs.
    kConcatenation,
    /// Resizes the first input to the size of the second.
    kResize,
    /// An operator of LibTorch.
    kOther,
  };
  Kind kind;
  std::vector<int> inputs{};
  std::vector<int> outputs{};

  /// For kConvolution.
  ConvolutionPlan plan{};
  ConvolutionWeights weights{};
  /// For kResize.
  nn::Resampling resampling{};
  /// For kOther: the operator's name, e.g. "aten::relu", and its function.
  std::string name{};
  std::function<Values(Values inputs)> run{};

  bool is_convolution() const { return kind == Kind::kConvolution; }
};

/// A compiled network as a list of operations without branches. Each value is
/// written once, before it is read.
struct Operations {
  std::list<Operation> list;
  int value_count = 0;
  int input = -1;
  int output = -1;

  /// Returns the number of a new value.
  int add_value() { return value_count++; }
};

}  // namespace deeplab::compile
