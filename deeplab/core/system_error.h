// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include <fmt/core.h>

#include "deeplab/core/error.h"

namespace deeplab {

/// Returns a DataError made from errno, e.g. "PATH: cannot open: No such file
/// or directory". `action` is the verb after "cannot".
inline DataError system_error(const std::string& path, const char* action) {
  return DataError(
      fmt::format("{}: cannot {}: {}", path, action, std::strerror(errno))
  );
}

}  // namespace deeplab
