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

/// Starts the program in the background, without a shell in between; with
/// variables of its own, e.g. "RANK=1 WORLD_SIZE=2".
pid_t start(const std::string& words);
pid_t start(const std::string& words, const std::string& environment);

/// Fails after five minutes, as a step in bfloat16 takes seconds on a CPU for
/// which oneDNN has no instructions.
void wait_for_lines(const std::string& file, int64_t lines);

/// Flags of a training that takes seconds.
std::string small(const std::string& out, int64_t iterations);

/// Draws a set of small photos in Pascal VOC's layout.
void synthesize(
    const std::string& folder, int64_t train_images, int64_t val_images
);

/// The lines of a metrics.jsonl without their times, of which each iteration
/// must have two.
std::vector<Json> timeless(const std::string& metrics);

/// A test with a folder of its own.
class Program : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_ / name; }
  testing::TemporaryFolder folder_;
};

}  // namespace deeplab
