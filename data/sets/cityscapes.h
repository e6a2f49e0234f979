// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset/dataset.h"

namespace deeplab::data {

/// Opens a split of Cityscapes as published:
/// leftImg8bit/SPLIT/CITY/*_leftImg8bit.png with masks in gtFine/SPLIT/CITY/.
/// Masks named *_gtFine_labelIds.png hold 34 ids, which are mapped to the 19
/// classes that are scored and void; masks named *_gtFine_labelTrainIds.png
/// hold the classes directly.
/// Source: Cordts et al. 2016, arXiv:1604.01685, and cityscapesScripts.
std::shared_ptr<const Dataset> make_cityscapes(
    const DataConfig& config, Role role
);

/// Opens a split with the coarse annotations in gtCoarse. The splits are train,
/// train_extra and val.
std::shared_ptr<const Dataset> make_cityscapes_coarse(
    const DataConfig& config, Role role
);

Classes cityscapes_classes(const DataConfig& config);

}  // namespace deeplab::data
