// SPDX-License-Identifier: Apache-2.0
#include <climits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

/// Stops glibc from returning large blocks to the kernel, which would give them
/// back one zeroed page at a time. That took more than half of some tests'
/// time.
void keep_freed_memory() {
  constexpr int kTopPad = 64 << 20;
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, kTopPad);
}

/// Like GoogleTest's main, but if tests were skipped, the exit code tells ctest
/// so.
int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  keep_freed_memory();
  ::testing::InitGoogleMock(&argc, argv);
  const int failed = RUN_ALL_TESTS();
  if (failed != 0) return failed;
  const auto& all = *::testing::UnitTest::GetInstance();
  return all.skipped_test_count() > 0 ? kSkipped : 0;
}
