// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/inference.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/nn/resize.h"
#include "support/support.h"

namespace deeplab::engine {
namespace {

using ::testing::ElementsAre;

/// Returns two convolutions, whose scores depend on 5 x 5 pixels.
Segmenter two_convolutions() {
  torch::manual_seed(1);
  const auto first = torch::randn({4, 3, 3, 3});
  const auto second = torch::randn({5, 4, 3, 3});
  return [first, second](const torch::Tensor& images) {
    const auto hidden = torch::conv2d(images, first, {}, 1, 1).relu();
    return torch::conv2d(hidden, second, {}, 1, 1);
  };
}

std::vector<int64_t> starts_of(int64_t length, int64_t window, double overlap) {
  InferenceOptions options;
  options.overlap = overlap;
  return piece_starts(length, window, options);
}

torch::Tensor probabilities(const torch::Tensor& scores) {
  return scores.softmax(1);
}

TEST(Inference, AtScaleOneWithoutFlipIsTheNetworkItself) {
  const auto network = two_convolutions();
  const auto image = torch::randn({1, 3, 20, 31});
  EXPECT_TRUE(make_inference(network, {})(image).equal(network(image)));
}

TEST(Inference, ScalesAndFlipsAreTheMeanOfProbabilitiesByHand) {
  const auto network = two_convolutions();
  const auto image = torch::randn({1, 3, 21, 33});
  InferenceOptions options;
  options.scales = {0.5, 1};
  options.flip = true;
  const auto resize = [](const torch::Tensor& maps, int64_t h, int64_t w) {
    return at::upsample_bilinear2d(maps, {h, w}, true);
  };
  // The sizes are (21 - 1) / 2 + 1 = 11 and (33 - 1) / 2 + 1 = 17.
  const auto half = resize(image, 11, 17);
  const auto pass = [&](const torch::Tensor& input, bool flip) {
    const auto scores =
        flip ? network(input.flip({3})).flip({3}) : network(input);
    return probabilities(resize(scores, 21, 33));
  };
  const auto expected = (pass(half, false) + pass(half, true) +
                         pass(image, false) + pass(image, true)) /
                        4;
  const auto scores = make_inference(network, options)(image);
  EXPECT_TRUE(scores.exp().allclose(expected, 1e-5, 1e-6));
}

TEST(Inference, PyTorchsRuleRoundsAndAlignsAreas) {
  std::vector<std::vector<int64_t>> seen;
  const auto network = two_convolutions();
  const Segmenter spy = [&](const torch::Tensor& images) {
    seen.push_back({images.size(2), images.size(3)});
    return network(images);
  };
  const auto image = torch::randn({1, 3, 21, 32});
  InferenceOptions options;
  options.scales = {1.5};
  options.sizing = SizingRule::kPyTorch;
  const auto scores = make_inference(spy, options)(image);
  options.sizing = SizingRule::kTensorFlow;
  make_inference(spy, options)(image);
  // The PyTorch rule gives round(31.5) and 48, the TensorFlow rule 20 * 1.5 + 1
  // and trunc(31 * 1.5 + 1).
  EXPECT_THAT(seen[0], ElementsAre(32, 48));
  EXPECT_THAT(seen[1], ElementsAre(31, 47));
  const auto larger = at::upsample_bilinear2d(image, {32, 48}, false);
  const auto expected =
      probabilities(at::upsample_bilinear2d(network(larger), {21, 32}, false));
  EXPECT_TRUE(scores.exp().allclose(expected, 1e-5, 1e-6));
}

TEST(Inference, PiecesCoverTheLengthAndOverlap) {
  EXPECT_THAT(starts_of(10, 16, 0.5), ElementsAre(0));
  EXPECT_THAT(starts_of(16, 16, 0.5), ElementsAre(0));
  EXPECT_THAT(starts_of(32, 16, 0), ElementsAre(0, 16));
  EXPECT_THAT(starts_of(32, 16, 0.5), ElementsAre(0, 8, 16));
  for (int64_t length = 17; length < 200; length += 13) {
    const auto starts = starts_of(length, 16, 0.25);
    EXPECT_EQ(starts.front(), 0);
    EXPECT_EQ(starts.back() + 16, length);
    for (size_t i = 1; i < starts.size(); ++i) {
      EXPECT_LE(starts[i] - starts[i - 1], 12);
      EXPECT_GT(starts[i], starts[i - 1]);
    }
  }
}

TEST(Inference, PiecesGiveTheWholeImagesResultAwayFromSeams) {
  const auto network = two_convolutions();
  const auto image = torch::randn({1, 3, 41, 57});
  InferenceOptions options;
  options.window = ImageSize{24, 24};
  options.overlap = 0.25;
  const auto whole = probabilities(network(image));
  const auto pieces = make_inference(network, options)(image).exp();
  const auto differs = (whole - pieces).abs().amax(1).squeeze(0) > 1e-5;
  // A pixel may differ if a piece that covers it ends within 2 pixels.
  auto seam = torch::zeros({41, 57}, torch::kBool);
  for (const auto top : starts_of(41, 24, 0.25)) {
    if (top > 0) seam.slice(0, top, top + 2).fill_(true);
    if (top + 24 < 41) seam.slice(0, top + 22, top + 24).fill_(true);
  }
  for (const auto left : starts_of(57, 24, 0.25)) {
    if (left > 0) seam.slice(1, left, left + 2).fill_(true);
    if (left + 24 < 57) seam.slice(1, left + 22, left + 24).fill_(true);
  }
  EXPECT_FALSE(differs.logical_and(seam.logical_not()).any().item<bool>());
  EXPECT_TRUE(differs.any().item<bool>());
}

TEST(Inference, PiecesTogetherGiveTheSameAsOneByOne) {
  const auto network = two_convolutions();
  std::vector<int64_t> together;
  const Segmenter spy = [&](const torch::Tensor& images) {
    together.push_back(images.size(0));
    return network(images);
  };
  // In strides of 8, a row has pieces from 0, 16 and 40 on, the last of 17.
  const auto images = torch::randn({2, 3, 40, 57});
  InferenceOptions options;
  options.window = ImageSize{24, 24};
  options.stride = 8;
  options.overlap = 0;
  const auto expected = make_inference(spy, options)(images);
  const auto pieces = static_cast<int64_t>(together.size());
  for (const int64_t batch : {1, 3, 4, 64}) {
    together.clear();
    options.batch_size = batch;
    const auto scores = make_inference(spy, options)(images);
    EXPECT_TRUE(scores.allclose(expected, 1e-5, 1e-6)) << batch;
    EXPECT_EQ(
        std::accumulate(together.begin(), together.end(), int64_t{0}),
        2 * pieces
    );
    EXPECT_LE(
        *std::max_element(together.begin(), together.end()),
        std::max<int64_t>(2, batch)
    );
    EXPECT_EQ(together.size() < static_cast<size_t>(pieces), batch >= 4);
  }
}

/// A network of stride 8 whose features see 15 pixels and are drawn where they
/// look.
Segmenter strided_convolutions() {
  torch::manual_seed(2);
  const auto first = torch::randn({4, 3, 3, 3}, torch::kFloat64);
  const auto second = torch::randn({4, 4, 3, 3}, torch::kFloat64);
  const auto third = torch::randn({5, 4, 3, 3}, torch::kFloat64);
  return [=](const torch::Tensor& images) {
    auto maps = torch::conv2d(images, first, {}, 2, 1).relu();
    maps = torch::conv2d(maps, second, {}, 2, 1).relu();
    maps = torch::conv2d(maps, third, {}, 2, 1);
    return nn::resize_like(
        maps, images, {nn::Alignment::kCentres, {0, 8}, {0, 1}}
    );
  };
}

TEST(Inference, PiecesKeepFeaturesInLineWithThoseOfTheWholeImage) {
  const auto network = strided_convolutions();
  const auto image = torch::randn({1, 3, 117, 150}, torch::kFloat64);
  const auto whole = probabilities(network(image));
  InferenceOptions options;
  options.window = ImageSize{64, 72};
  options.overlap = 0.3;
  options.stride = 8;
  const auto far_from_seams = [](const InferenceOptions& used) {
    auto far = torch::ones({117, 150}, torch::kBool);
    // A feature sees 7 pixels on either side, and a pixel reads features that
    // are less than 8 pixels away.
    constexpr int64_t kReach = 15;
    const auto exclude = [&](int64_t axis, int64_t window) {
      const int64_t side = far.size(axis);
      for (const auto start : piece_starts(side, window, used)) {
        const int64_t end = start + window;
        if (start > 0) far.slice(axis, start, start + kReach).fill_(false);
        if (end < side) far.slice(axis, end - kReach, end).fill_(false);
      }
    };
    exclude(0, used.window->height);
    exclude(1, used.window->width);
    return far;
  };
  const auto differs_far_from_seams = [&](const InferenceOptions& used) {
    const auto pieces = make_inference(network, used)(image).exp();
    const auto differs = (whole - pieces).abs().amax(1).squeeze(0) > 1e-9;
    return differs.logical_and(far_from_seams(used)).any().item<bool>();
  };
  EXPECT_GT(far_from_seams(options).sum().item<int64_t>(), 1000);
  EXPECT_FALSE(differs_far_from_seams(options));
  // Pieces that begin anywhere have features elsewhere.
  options.stride = 1;
  EXPECT_TRUE(differs_far_from_seams(options));
}

TEST(Inference, PiecesBeginAtMultiplesOfTheStrideAndOverlap) {
  InferenceOptions options;
  options.stride = 16;
  for (const int64_t window : {65, 96, 130}) {
    for (const double overlap : {0.0, 0.25, 0.5}) {
      options.overlap = overlap;
      for (int64_t length = window; length < 500; length += 7) {
        const auto starts = piece_starts(length, window, options);
        EXPECT_EQ(starts.front(), 0);
        EXPECT_GE(starts.back() + window, length);
        EXPECT_LT(starts.back(), length);
        for (size_t i = 1; i < starts.size(); ++i) {
          EXPECT_EQ(starts[i] % 16, 0);
          EXPECT_LE(
              static_cast<double>(starts[i] - starts[i - 1]),
              static_cast<double>(window) * (1 - overlap)
          );
        }
      }
    }
  }
}

TEST(Inference, PiecesSmallerThanTheStrideCoverTheImage) {
  for (const auto& [stride, window, length] :
       {std::tuple{32, 16, 17}, {256, 129, 500}, {16, 16, 40}}) {
    InferenceOptions options;
    options.stride = stride;
    int64_t covered = 0;
    for (const auto start : piece_starts(length, window, options)) {
      EXPECT_LE(start, covered);
      EXPECT_LT(start, length);
      covered = start + window;
    }
    EXPECT_GE(covered, length);
  }
}

TEST(Inference, TensorFlowsRuleAlignsTheCorners) {
  const auto network = two_convolutions();
  const auto image = torch::randn({1, 3, 21, 32});
  InferenceOptions options;
  options.scales = {1.5};
  options.sizing = SizingRule::kTensorFlow;
  const auto scores = make_inference(network, options)(image);
  // 20 * 1.5 + 1 and trunc(31 * 1.5 + 1).
  const auto larger = at::upsample_bilinear2d(image, {31, 47}, true);
  const auto expected =
      probabilities(at::upsample_bilinear2d(network(larger), {21, 32}, true));
  EXPECT_TRUE(scores.exp().allclose(expected, 1e-5, 1e-6));
}

TEST(Inference, CentresPutsThePixelsOfAScaledImageBackInTheirPlaces) {
  // A network that returns the image, whose values are the pixels' columns.
  const Segmenter network = [](const torch::Tensor& images) {
    return images.narrow(1, 0, 2);
  };
  const auto columns = torch::arange(0, 50, torch::kFloat32) / 50;
  const auto image = torch::stack({columns, -columns, columns})
                         .view({1, 3, 1, 50})
                         .expand({1, 3, 40, 50});
  for (const double scale : {0.5, 0.75, 1.25, 1.75}) {
    InferenceOptions options;
    options.scales = {scale};
    const auto scores = make_inference(network, options)(image);
    // Scaled down, the last pixels lie beyond the last one that was read.
    const auto inside = [](const torch::Tensor& maps) {
      return maps.slice(3, 0, 48);
    };
    EXPECT_TRUE(inside(scores.exp())
                    .allclose(inside(probabilities(network(image))), 1e-4, 1e-5)
    ) << scale;
  }
}

TEST(Inference, OnePieceLargerThanTheImageIsTheWholeImage) {
  const auto network = two_convolutions();
  const auto image = torch::randn({1, 3, 20, 31});
  InferenceOptions options;
  options.window = ImageSize{64, 64};
  const auto scores = make_inference(network, options)(image);
  EXPECT_TRUE(
      probabilities(scores).allclose(probabilities(network(image)), 1e-5, 1e-6)
  );
}

TEST(MemoryMeter, SeesTheMostThatWasHeldAtOnce) {
  const auto peak = peak_tensor_bytes([] {
    const auto kept = torch::empty({1000}, torch::kUInt8);
    { const auto freed = torch::empty({5000}, torch::kUInt8); }
    const auto later = torch::empty({2000}, torch::kUInt8);
  });
  EXPECT_EQ(peak, 6000);
}

TEST(MemoryMeter, ItsLineMeetsAThirdSize) {
  const auto network = two_convolutions();
  const auto memory = measure_memory(network);
  const auto image = torch::zeros({1, 3, 200, 333});
  const auto peak = peak_tensor_bytes([&] { network(image); });
  EXPECT_NEAR(
      memory.bytes(200 * 333), static_cast<double>(peak),
      0.01 * static_cast<double>(peak)
  );
}

TEST(EstimateMemory, CoversWhatIsHeldInEveryWayOfInference) {
  const auto network = two_convolutions();
  const auto memory = measure_memory(network);
  const auto covers = [&](const InferenceOptions& options) {
    // With a window, a batch consists of pieces of one image.
    const int64_t images = options.window ? 1 : options.batch_size;
    const auto segmenter = make_inference(network, options);
    const auto peak = peak_tensor_bytes([&] {
      segmenter(torch::zeros({images, 3, 150, 260}));
    });
    EXPECT_LE(
        static_cast<double>(peak),
        estimate_memory(memory, options, {150, 260}, 5)
    ) << "scales from "
      << options.scales[0] << " flip " << options.flip << " window "
      << options.window.has_value() << " batch " << options.batch_size;
  };
  for (const auto& scales :
       std::vector<std::vector<double>>{{1}, {0.5}, {0.5, 1.75}, {1, 1.25}}) {
    for (const bool flip : {false, true}) {
      for (const int64_t window : {0, 97}) {
        for (const int64_t batch : {1, 2}) {
          InferenceOptions options;
          options.scales = scales;
          options.flip = flip;
          options.batch_size = batch;
          if (window > 0) options.window = ImageSize{window, window};
          covers(options);
        }
      }
    }
  }
}

TEST(FitMemory, TakesTheWholeImageOrTheLargestWindowOrRefuses) {
  MemoryModel memory;
  memory.per_pixel = 1000;
  const ImageSize image{1024, 2048};
  EXPECT_FALSE(fit_memory(memory, {}, image, 19, 4e9).window);
  const auto fitting = fit_memory(memory, {}, image, 19, 1e9);
  ASSERT_TRUE(fitting.window);
  EXPECT_EQ(fitting.window->height % 32, 1);
  EXPECT_LE(estimate_memory(memory, fitting, image, 19), 1e9);
  auto larger = fitting;
  larger.window->height += 32;
  larger.window->width += 32;
  EXPECT_GT(estimate_memory(memory, larger, image, 19), 1e9);
  EXPECT_THAT(
      [&] { fit_memory(memory, {}, image, 19, 1e8); },
      ::testing::ThrowsMessage<DataError>(
          ::testing::HasSubstr("an image of 1024x2048 needs")
      )
  );
}

}  // namespace
}  // namespace deeplab::engine
