// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "deeplab/core/config_io.h"
#include "deeplab/engine/metrics.h"

namespace deeplab::apps {

/// A table for people, in percent; "-" for a class that occurs nowhere.
std::string scores_table(
    const engine::Scores& scores, const std::vector<std::string>& names
);

/// The same for programs, each in 0..1; null for a class that occurs nowhere.
Json scores_json(
    const engine::Scores& scores, const std::vector<std::string>& names
);

}  // namespace deeplab::apps
