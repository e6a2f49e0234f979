// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deeplab/core/freed_memory.h"

/// Like GoogleTest's main, but if tests were skipped, the exit code tells ctest
/// so.
int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  deeplab::keep_freed_memory();
  ::testing::InitGoogleMock(&argc, argv);
  const int failed = RUN_ALL_TESTS();
  if (failed != 0) return failed;
  const auto& all = *::testing::UnitTest::GetInstance();
  return all.skipped_test_count() > 0 ? kSkipped : 0;
}
