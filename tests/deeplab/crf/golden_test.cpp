// SPDX-License-Identifier: Apache-2.0
// Compares mean field with results computed over all pairs of pixels in float64
// by NumPy, and with those of pydensecrf.
#include "deeplab/crf/golden.h"

#include "deeplab/crf/mean_field.h"
#include "support/support.h"

namespace deeplab::crf {
namespace {

struct Golden {
  char params;
  Normalization normalization;
  SelfTerm self_term;
  int64_t iterations;
  const char* file;
};
void PrintTo(const Golden& golden, std::ostream* stream) {
  *stream << golden.file;
}

class ExactEngine : public ::testing::TestWithParam<Golden> {};

TEST_P(ExactEngine, EqualsTheGoldenMeanField) {
  const GoldenCase golden;
  auto options = golden_options(GetParam().params);
  options.engine = Engine::kExact;
  options.normalization = GetParam().normalization;
  options.self_term = GetParam().self_term;
  options.iterations = GetParam().iterations;
  const DenseCrf crf(options, golden.image());
  MeanField field(crf, golden.unary.data(), GoldenCase::kLabels);
  EXPECT_EQ(field.run(), options.iterations);
  const auto expected = GoldenCase::floats(
      std::string(GetParam().file) + "_f32_5x48x64",
      GoldenCase::kLabels * GoldenCase::kPixels
  );
  EXPECT_LT(largest_difference(field.probabilities(), expected), 1e-4);
}

constexpr auto kSymmetric = Normalization::kSymmetric;
constexpr auto kAfter = Normalization::kAfter;
constexpr auto kBefore = Normalization::kBefore;
constexpr auto kNone = Normalization::kNone;
constexpr auto kKept = SelfTerm::kKept;
constexpr auto kLeftOut = SelfTerm::kLeftOut;

INSTANTIATE_TEST_SUITE_P(
    All,
    ExactEngine,
    ::testing::Values(
        Golden{'a', kSymmetric, kKept, 1, "a_exact_symmetric_self_it1"},
        Golden{'a', kSymmetric, kKept, 5, "a_exact_symmetric_self_it5"},
        Golden{'a', kSymmetric, kKept, 10, "a_exact_symmetric_self_it10"},
        Golden{'a', kSymmetric, kLeftOut, 1, "a_exact_symmetric_noself_it1"},
        Golden{'a', kSymmetric, kLeftOut, 10, "a_exact_symmetric_noself_it10"},
        Golden{'a', kAfter, kKept, 10, "a_exact_after_self_it10"},
        Golden{'a', kAfter, kLeftOut, 10, "a_exact_after_noself_it10"},
        Golden{'a', kBefore, kKept, 1, "a_exact_before_self_it1"},
        Golden{'a', kBefore, kKept, 10, "a_exact_before_self_it10"},
        Golden{'a', kNone, kKept, 1, "a_exact_none_self_it1"},
        Golden{'a', kNone, kKept, 10, "a_exact_none_self_it10"},
        Golden{'b', kSymmetric, kKept, 5, "b_exact_symmetric_self_it5"},
        Golden{'b', kSymmetric, kKept, 10, "b_exact_symmetric_self_it10"},
        Golden{'b', kSymmetric, kLeftOut, 10, "b_exact_symmetric_noself_it10"},
        Golden{'b', kAfter, kKept, 10, "b_exact_after_self_it10"},
        Golden{'b', kAfter, kLeftOut, 10, "b_exact_after_noself_it10"}
    ),
    [](const auto& tested) { return std::string(tested.param.file); }
);

struct Peer {
  char params;
  Normalization normalization;
  const char* peer;
  const char* exact;
};
void PrintTo(const Peer& peer, std::ostream* stream) { *stream << peer.peer; }

class LatticeEngine : public ::testing::TestWithParam<Peer> {};

TEST_P(LatticeEngine, IsCloserToTheExactThanTheReferenceImplementation) {
  const GoldenCase golden;
  auto options = golden_options(GetParam().params);
  options.normalization = GetParam().normalization;
  const DenseCrf crf(options, golden.image());
  MeanField field(crf, golden.unary.data(), GoldenCase::kLabels);
  field.run();
  const auto read = [](const std::string& name) {
    return GoldenCase::floats(
        name + "_f32_5x48x64", GoldenCase::kLabels * GoldenCase::kPixels
    );
  };
  const auto exact = read(GetParam().exact);
  const double ours = mean_difference(field.probabilities(), exact);
  const double theirs = mean_difference(read(GetParam().peer), exact);
  RecordProperty("ours", std::to_string(ours));
  RecordProperty("theirs", std::to_string(theirs));
  std::cout << "mean |dQ| " << ours << ", the reference's " << theirs << '\n';
  EXPECT_LE(ours, theirs);
}

TEST(UnnormalizedLattice, HasTheKernelsMass) {
  const GoldenCase golden;
  auto options = golden_options('a');
  options.normalization = Normalization::kNone;
  const DenseCrf crf(options, golden.image());
  MeanField field(crf, golden.unary.data(), GoldenCase::kLabels);
  field.run();
  const auto exact = GoldenCase::floats(
      "a_exact_none_self_it10_f32_5x48x64",
      GoldenCase::kLabels * GoldenCase::kPixels
  );
  const double apart = mean_difference(field.probabilities(), exact);
  std::cout << "mean |dQ| " << apart << '\n';
  // Without the correction by mass_factor(), the difference would be 0.017.
  EXPECT_LT(apart, 0.006);
}

INSTANTIATE_TEST_SUITE_P(
    All,
    LatticeEngine,
    ::testing::Values(
        Peer{
            'a', kSymmetric, "a_peer_symmetric_it10",
            "a_exact_symmetric_self_it10"},
        Peer{'a', kAfter, "a_peer_after_it10", "a_exact_after_self_it10"},
        Peer{
            'b', kSymmetric, "b_peer_symmetric_it10",
            "b_exact_symmetric_self_it10"},
        Peer{'b', kAfter, "b_peer_after_it10", "b_exact_after_self_it10"}
    ),
    [](const auto& tested) { return std::string(tested.param.peer); }
);

}  // namespace
}  // namespace deeplab::crf
