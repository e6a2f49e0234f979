// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "deeplab/core/config_io.h"
#include "support/support.h"

namespace deeplab {

inline const std::string kProgram = DEEPLAB_PROGRAM;

/// Runs the program as a user does.
inline testing::Finished deeplab(const std::string& words) {
  return testing::run_shell(kProgram + " " + words);
}

/// Starts the program in the background and returns its own process ID, not a
/// shell's. `environment` has variables to set, e.g. "RANK=1 WORLD_SIZE=2".
pid_t start(const std::string& words);
pid_t start(const std::string& words, const std::string& environment);

/// Waits until the file has this many lines. Fails after five minutes; a step
/// in bfloat16 takes seconds on a CPU without bfloat16 instructions.
void wait_for_lines(const std::string& file, int64_t lines);

/// Returns the flags of a training that takes seconds.
std::string small(const std::string& out, int64_t iterations);

/// Writes a synthetic data set of small photos in Pascal VOC's layout.
void synthesize(
    const std::string& folder, int64_t train_images, int64_t val_images
);

/// Returns the lines of a metrics.jsonl without their two times, which each
/// iteration must have.
std::vector<Json> timeless(const std::string& metrics);

/// A test with its own temporary folder.
class Program : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_ / name; }
  testing::TemporaryFolder folder_;
};

}  // namespace deeplab
