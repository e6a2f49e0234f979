// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "apps/report/curves.h"

namespace deeplab::apps {

/// Returns a page that overlays the curves of several training runs and shows
/// the scores of their last validations and the differences between their
/// configs. `keep` smooths the loss; see smoothed().
std::string curves_page(const std::vector<RunCurves>& runs, double keep);

}  // namespace deeplab::apps
