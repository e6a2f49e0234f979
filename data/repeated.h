// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"

namespace deeplab::data {

/// A split whose images in a list (an ID a line) come `times` as often as the
/// others in an epoch: again within the next thousand images of the order that
/// the split has by itself, so that shards are still read from front to back.
/// Source: DeepLabV3 duplicated the images of hard classes (arXiv:1706.05587,
///         section 4.1, "test set").
/// Throws: DataError naming the list, for an ID that the split lacks or that
///         stands twice.
std::shared_ptr<const Dataset> repeat_images(
    std::shared_ptr<const Dataset> dataset,
    const std::string& list,
    int64_t times
);

}  // namespace deeplab::data
