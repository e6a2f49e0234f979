// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace deeplab::apps {

/// Contents of the files of this folder and of Chart.js at the time of the
/// build.
extern const char* const kPageStyle;
extern const char* const kReportScript;
extern const char* const kCurvesScript;
extern const char* const kChartScript;

}  // namespace deeplab::apps
