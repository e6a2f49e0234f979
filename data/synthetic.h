// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset.h"

namespace deeplab::data {

/// Landscapes drawn from a seed, for trying out without files: lit, textured,
/// noisy, with occlusion. Each part of a DeepLab has something to win: poles
/// and wires of a pixel or two (output stride, decoder, CRF), balls and
/// buildings of very different sizes (ASPP), and pairs that look alike and
/// only their surroundings tell apart: sky and water, window and crate
/// (context).
std::shared_ptr<const Dataset> make_synthetic(
    const DataConfig& config, Role role
);

Classes synthetic_classes(const DataConfig& config);

}  // namespace deeplab::data
