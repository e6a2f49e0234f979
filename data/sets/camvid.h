// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset/dataset.h"

namespace deeplab::data {

/// Opens a split of CamVid with the 11 classes that are scored, in either of
/// its layouts:
///
/// - SegNet's: SPLIT.txt with an image and a mask per line. Only the last two
///   parts of each path are used (train/ID.png trainannot/ID.png).
/// - the original: 701_StillsRaw_full/ID.png, LabeledApproved_full/ID_L.png,
///   and SPLIT.txt with one ID per line, which the user provides.
///
/// Masks hold SegNet's values, 0 to 10 for the classes and 11 for void, or the
/// original's 32 colors.
///
/// Source: Brostow et al. 2009; Badrinarayanan et al. 2015, arXiv:1511.00561.
std::shared_ptr<const Dataset> make_camvid(const DataConfig& config, Role role);

Classes camvid_classes(const DataConfig& config);

}  // namespace deeplab::data
