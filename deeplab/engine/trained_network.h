// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "deeplab/core/classes.h"
#include "deeplab/core/normalization.h"
#include "deeplab/core/output_stride.h"
#include "deeplab/model/deeplab.h"

namespace deeplab::engine {

/// A network that `deeplab train` trained, with all that its use needs.
struct TrainedNetwork {
  /// On the CPU, at the output stride below; compile::compile() makes it a
  /// function of images.
  model::DeepLab network{nullptr};
  /// Names and colors of the classes that it scores.
  Classes classes;
  /// Normalisation that its input images need.
  Normalization normalization;
  /// The output stride at which its run evaluates it.
  OutputStride output_stride = OutputStride::k16;
  /// JSON of the whole run's config.
  std::string config;
};

/// Opens a checkpoint: the average of the weights if the run kept one, else the
/// weights.
/// Throws: DataError naming `path`, for any other file or a damaged one.
TrainedNetwork open_checkpoint(const std::string& path);

}  // namespace deeplab::engine
