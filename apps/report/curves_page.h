// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "apps/curves.h"

namespace deeplab::apps {

/// One page with the curves of trainings over each other, the scores of their
/// last validations, and where their configs differ. `keep` smooths the loss,
/// see smoothed().
std::string curves_page(const std::vector<RunCurves>& runs, double keep);

}  // namespace deeplab::apps
