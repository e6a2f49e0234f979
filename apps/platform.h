// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace deeplab::apps {

/// What a program does before its first tensor: threads from the hardware
/// (unless OMP_NUM_THREADS says otherwise), memory kept between iterations,
/// and a warning on stderr where BLAS is the slow reference one.
void prepare_platform();

/// Throws: ConfigError unless 1 to 1024.
void set_threads(int64_t threads);

/// Versions, threads, BLAS and devices, a line each.
std::string platform_report();

}  // namespace deeplab::apps
