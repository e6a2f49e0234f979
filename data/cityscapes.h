// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset.h"

namespace deeplab::data {

/// Cityscapes as it comes: leftImg8bit/SPLIT/CITY/*_leftImg8bit.png with
/// gtFine/SPLIT/CITY/*_gtFine_labelIds.png, whose 34 ids are turned into the
/// 19 classes that are scored and void, or *_labelTrainIds.png.
/// Source: Cordts et al. 2016, arXiv:1604.01685, and cityscapesScripts.
std::shared_ptr<const Dataset> make_cityscapes(
    const DataConfig& config, Role role
);

/// The same with the coarse annotations, gtCoarse; its splits are train,
/// train_extra and val.
std::shared_ptr<const Dataset> make_cityscapes_coarse(
    const DataConfig& config, Role role
);

Classes cityscapes_classes(const DataConfig& config);

}  // namespace deeplab::data
