// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "deeplab/core/config_io.h"

namespace deeplab::apps {

/// A page that needs nothing outside the file: style, Chart.js, `data`, and
/// `script`, which shows it.
std::string html_document(
    const std::string& title, const Json& data, const char* script
);

}  // namespace deeplab::apps
