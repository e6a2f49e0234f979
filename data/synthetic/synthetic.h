// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset/dataset.h"

namespace deeplab::data {

/// Opens landscapes drawn from a seed, for experiments without any files. They
/// are lit, textured and noisy, with occlusion, and each part of a DeepLab
/// matters for some class: poles and wires of one or two pixels (output stride,
/// decoder, CRF), balls and buildings of very different sizes (ASPP), and pairs
/// that look alike and are told apart only by their surroundings: sky and
/// water, window and crate (context).
std::shared_ptr<const Dataset> make_synthetic(
    const DataConfig& config, Role role
);

Classes synthetic_classes(const DataConfig& config);

}  // namespace deeplab::data
