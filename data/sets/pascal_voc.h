// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset/dataset.h"

namespace deeplab::data {

/// Opens a split of a data set in Pascal VOC's layout: JPEGImages/ID.jpg (or
/// another photo), SegmentationClass/ID.png, and
/// ImageSets/Segmentation/SPLIT.txt with one ID per line, or with the paths of
/// a photo and its mask, as in the lists of DeepLabV1 and V2.
/// Source: Everingham et al. 2015, and the VOC 2012 development kit.
std::shared_ptr<const Dataset> make_pascal_voc(
    const DataConfig& config, Role role
);

/// Opens a split in the same layout with VOC 2012's 21 classes, background
/// first.
std::shared_ptr<const Dataset> make_voc2012(
    const DataConfig& config, Role role
);
Classes voc2012_classes(const DataConfig& config);

/// Opens a split in the same layout with Pascal Context's background and 59
/// classes.
/// Source: Mottaghi et al. 2014, "The Role of Context for Object Detection and
///         Semantic Segmentation in the Wild".
std::shared_ptr<const Dataset> make_pascal_context(
    const DataConfig& config, Role role
);
Classes pascal_context_classes(const DataConfig& config);

}  // namespace deeplab::data
