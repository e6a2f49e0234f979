// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "deeplab/core/config_io.h"

namespace deeplab::apps {

/// Returns a self-contained HTML page with the style, Chart.js, `data`, and the
/// `script` that displays the data.
std::string html_document(
    const std::string& title, const Json& data, const char* script
);

}  // namespace deeplab::apps
