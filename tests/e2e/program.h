// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "support/support.h"

namespace deeplab {

inline const std::string kProgram = DEEPLAB_PROGRAM;

/// Runs the program as a user does.
inline testing::Finished deeplab(const std::string& words) {
  return testing::run_shell(kProgram + " " + words);
}

}  // namespace deeplab
