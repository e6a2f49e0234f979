// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/parallel.h"

#include <atomic>
#include <vector>

#include "support/support.h"

namespace deeplab::crf {
namespace {

/// Returns how often each of `count` items is processed with this number of
/// threads.
std::vector<int> visits(size_t count, size_t piece, int threads) {
  std::vector<std::atomic<int>> done(count);
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  parallel_pieces(count, piece, [&](Range range) {
    EXPECT_LE(range.end - range.begin, piece);
    for (size_t i = range.begin; i < range.end; ++i) ++done[i];
  });
  omp_set_num_threads(before);
  return {done.begin(), done.end()};
}

TEST(ParallelPieces, AreEachDoneOnce) {
  for (const size_t count : {0, 1, 7, 64, 1000}) {
    for (const int threads : {1, 2, 3, 8}) {
      for (const size_t piece : {1, 16}) {
        EXPECT_EQ(visits(count, piece, threads), std::vector<int>(count, 1))
            << count << ' ' << threads << ' ' << piece;
      }
    }
  }
}

TEST(ParallelPieces, WithinAParallelPartAreAllDoneByIt) {
  constexpr size_t kCount = 100;
  std::vector<std::atomic<int>> done(kCount);
  parallel_ranges(2, [&](Range range) {
    for (size_t i = range.begin; i < range.end; ++i) {
      parallel_pieces(kCount, 8, [&](Range piece) {
        for (size_t at = piece.begin; at < piece.end; ++at) ++done[at];
      });
    }
  });
  for (const auto& times : done) EXPECT_EQ(times, 2);
}

TEST(ParallelPieces, ThrowWhatAPieceThrows) {
  EXPECT_THROW(
      parallel_pieces(
          100, 8,
          [](Range piece) {
            if (piece.begin <= 50 && piece.end > 50)
              throw std::runtime_error("x");
          }
      ),
      std::runtime_error
  );
}

}  // namespace
}  // namespace deeplab::crf
