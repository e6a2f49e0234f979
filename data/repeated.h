// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "data/dataset/dataset.h"

namespace deeplab::data {

/// Returns a split in which the images of a list (one ID per line) occur
/// `times` times per epoch. The extra copies come within the next 1000 images
/// of the order that the split itself chooses, so shards are still read from
/// front to back.
/// Source: DeepLabV3 duplicated the images of hard classes (arXiv:1706.05587,
///         section 4.1, "test set").
/// Throws: DataError naming the list, for an ID that the split lacks or that is
///         listed twice.
std::shared_ptr<const Dataset> repeat_images(
    std::shared_ptr<const Dataset> dataset,
    const std::string& list,
    int64_t times
);

}  // namespace deeplab::data
