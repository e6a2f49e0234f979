// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "deeplab/core/error.h"

namespace deeplab {

/// What errno says of a file: "PATH: cannot ACTION: No such file or directory".
inline DataError system_error(const std::string& path, const char* action) {
  return DataError(str(path, ": cannot ", action, ": ", std::strerror(errno)));
}

}  // namespace deeplab
