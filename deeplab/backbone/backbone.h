// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "deeplab/backbone/backbone_options.h"
#include "deeplab/core/names.h"
#include "deeplab/core/output_stride.h"
#include "deeplab/nn/features.h"
#include "deeplab/nn/recompute.h"

namespace deeplab::backbone {

/// A classification network without its last pooling and classifier. It returns
/// the feature map of every level and works at any output stride. Its
/// parameters have the names of torchvision or, for networks that torchvision
/// lacks, of timm.
///
/// Shapes: [N, 3, H, W] -> nn::Features, any H, W >= 1.
class BackboneImpl : public torch::nn::Module {
 public:
  virtual nn::Features forward(const torch::Tensor& images) = 0;

  /// Replaces strides by dilation to reach an output stride. The weights do not
  /// change.
  /// Throws: ConfigError above max_output_stride().
  void set_output_stride(OutputStride stride);

  /// Returns the output stride if nothing is dilated.
  virtual OutputStride max_output_stride() const = 0;
  virtual nn::FeatureChannels channels() const = 0;

  /// Returns where the features of each map look, at the current output stride.
  const nn::FeatureGrids& grids() const noexcept { return grids_; }

  /// Turns gradient checkpointing on or off: if on, backward runs each unit
  /// again instead of storing its feature maps, which takes about a third more
  /// time and far less memory. The results are the same.
  void set_recompute(bool recompute) { recomputes_ = recompute; }

 protected:
  /// Runs one unit, with gradient checkpointing if set_recompute() turned it
  /// on.
  torch::autograd::variable_list run_unit(
      torch::nn::Module& unit,
      nn::PartForward forward,
      const torch::Tensor& features
  ) const;

 private:
  /// Sets strides and dilations. Returns where the features of each map then
  /// look, which nn::AtrousPlan derives from the layers.
  virtual nn::FeatureGrids apply_output_stride(OutputStride stride) = 0;

  nn::FeatureGrids grids_;
  bool recomputes_ = false;
};

/// A backbone whose options have been checked, but which is not built yet.
struct Recipe {
  /// The output stride if nothing is dilated.
  OutputStride max_output_stride;
  std::function<std::shared_ptr<BackboneImpl>()> build;
};

/// Builds a backbone by name, with random weights and without dilation.
/// Throws: ConfigError that lists the known names, or that names an option
///         whose value is wrong or that this backbone does not have.
std::shared_ptr<BackboneImpl> make_backbone(
    const std::string& name, const BackboneOptions& options
);

/// Checks the name and the options as make_backbone() does, but builds nothing.
/// Throws: ConfigError in the same cases as make_backbone().
Recipe prepare_backbone(
    const std::string& name, const BackboneOptions& options
);

/// Checks that `stride` is at most `most`.
/// Throws: ConfigError that begins with `subject`, if it is larger.
void check_output_stride(
    OutputStride stride, OutputStride most, const std::string& subject
);

/// Returns the names that make_backbone() knows.
std::vector<std::string> backbone_names();

/// The backbones with one line about each.
std::vector<NamedUse> backbone_uses();

}  // namespace deeplab::backbone
