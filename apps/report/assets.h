// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace deeplab::apps {

/// Files of this folder, and Chart.js, as they were when the program was built.
extern const char* const kPageStyle;
extern const char* const kReportScript;
extern const char* const kCurvesScript;
extern const char* const kChartScript;

}  // namespace deeplab::apps
