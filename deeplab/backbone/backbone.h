// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "deeplab/backbone/backbone_options.h"
#include "deeplab/core/output_stride.h"
#include "deeplab/nn/features.h"
#include "deeplab/nn/recompute.h"

namespace deeplab::backbone {

/// A classification network cut off before its last pooling, with features at
/// every level on the way and at any output stride. Parameters carry the names
/// of torchvision, or of timm where torchvision has no such network.
///
/// Shapes: [N, 3, H, W] -> nn::Features, any H, W >= 1.
class BackboneImpl : public torch::nn::Module {
 public:
  virtual nn::Features forward(const torch::Tensor& images) = 0;

  /// Trades strides for dilation; weights are not touched.
  /// Throws: ConfigError above max_output_stride().
  void set_output_stride(OutputStride stride);

  /// The stride while nothing is dilated.
  virtual OutputStride max_output_stride() const = 0;
  virtual nn::FeatureChannels channels() const = 0;

  /// Whether units run again in backward instead of keeping their maps: some
  /// third more time for far less memory. Results are the same.
  void set_recompute(bool recompute) { recomputes_ = recompute; }

 protected:
  /// Runs one unit, as set_recompute() says.
  torch::autograd::variable_list run_unit(
      torch::nn::Module& unit,
      nn::PartForward forward,
      const torch::Tensor& features
  ) const;

 private:
  virtual void apply_output_stride(OutputStride stride) = 0;

  bool recomputes_ = false;
};

/// A backbone whose options are checked, not built yet.
struct Recipe {
  /// The stride while nothing is dilated.
  OutputStride max_output_stride;
  std::function<std::shared_ptr<BackboneImpl>()> build;
};

/// Builds a backbone by name, nothing dilated, with random weights.
/// Throws: ConfigError that lists the known names, or that names the option
///         that is wrong or that this backbone does not know.
std::shared_ptr<BackboneImpl> make_backbone(
    const std::string& name, const BackboneOptions& options
);

/// The first half of make_backbone().
/// Throws: as it does.
Recipe prepare_backbone(
    const std::string& name, const BackboneOptions& options
);

/// Throws: ConfigError that begins with `subject`, for a stride above the most.
void check_output_stride(
    OutputStride stride, OutputStride most, const std::string& subject
);

/// The names that make_backbone() knows.
std::vector<std::string> backbone_names();

}  // namespace deeplab::backbone
