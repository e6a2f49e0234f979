// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sys/types.h>

#include "support/support.h"

namespace deeplab {

inline const std::string kProgram = DEEPLAB_PROGRAM;

/// Runs the program as a user does.
inline testing::Finished deeplab(const std::string& words) {
  return testing::run_shell(kProgram + " " + words);
}

/// Starts the program in the background, without a shell in between.
pid_t start(const std::string& words);

/// Fails after half a minute.
void wait_for_lines(const std::string& file, int64_t lines);

/// A test with a folder of its own.
class Program : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_ / name; }
  testing::TemporaryFolder folder_;
};

}  // namespace deeplab
