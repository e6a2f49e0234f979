// SPDX-License-Identifier: Apache-2.0
// TorchScript files of other projects, whose results have many forms.
#include <torch/script.h>
#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/model/torchscript.h"
#include "support/support.h"

namespace deeplab::model {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

class ForeignScript : public ::testing::Test {
 protected:
  /// Returns what the body of a script's forward(self, x) gives for images.
  torch::Tensor segment(const std::string& body, const torch::Tensor& images) {
    torch::jit::Module script("script");
    script.define("def forward(self, x):\n    " + body + "\n");
    script.save(folder_ / "model.pt");
    use_.notify = [this](const std::string& line) { said_ += line + "\n"; };
    segmenter_ = load_torchscript(folder_ / "model.pt", use_);
    return segmenter_(images);
  }
  std::string refusal(const std::string& body, const torch::Tensor& images) {
    return message_of<DataError>([&] { segment(body, images); });
  }

  testing::TemporaryFolder folder_;
  ScriptUse use_;
  std::string said_;
  Segmenter segmenter_;
};

TEST_F(ForeignScript, OneChannelIsTheLogitOfTheForeground) {
  const auto images = torch::randn({2, 3, 5, 7});
  const auto one = images.slice(1, 0, 1);
  const auto scores = segment("return x[:, 0:1]", images);
  ASSERT_EQ(scores.sizes(), (std::vector<int64_t>{2, 2, 5, 7}));
  EXPECT_TRUE(
      torch::equal(scores.argmax(1), one.gt(0).squeeze(1).to(torch::kLong))
  );
  EXPECT_TRUE(torch::allclose(scores.softmax(1).slice(1, 1), one.sigmoid()));
  EXPECT_EQ(said_, "");
}

TEST_F(ForeignScript, OneChannelOfProbabilitiesIsForegroundAboveAHalf) {
  const auto images = torch::randn({1, 3, 5, 7});
  const auto one = images.slice(1, 0, 1);
  use_.scores = ScoreKind::kProbabilities;
  const auto scores = segment("return torch.sigmoid(x[:, 0:1])", images);
  EXPECT_TRUE(torch::allclose(scores.softmax(1).slice(1, 1), one.sigmoid()));
  // Without the flag, this would be foreground everywhere, which is said.
  use_.scores = ScoreKind::kDetect;
  segment("return torch.sigmoid(x[:, 0:1])", images);
  EXPECT_THAT(said_, HasSubstr("if these are probabilities, give --scores"));
}

TEST_F(ForeignScript, ProbabilitiesAreRecognizedAndNotSoftmaxedAgain) {
  const auto images = torch::randn({1, 3, 6, 8});
  const auto expected = images.softmax(1);
  const auto scores = segment("return torch.softmax(x, 1)", images);
  EXPECT_TRUE(torch::allclose(scores.softmax(1), expected, 1e-5, 1e-6));
  segmenter_(images);
  EXPECT_EQ(
      said_,
      folder_ / "model.pt" +
          ": returns probabilities, which are used as they are (--scores "
          "logits takes them for logits)\n"
  );
  use_.scores = ScoreKind::kLogits;
  EXPECT_TRUE(
      torch::allclose(segment("return torch.softmax(x, 1)", images), expected)
  );
  use_.scores = ScoreKind::kProbabilities;
  EXPECT_THAT(
      refusal("return x", images), HasSubstr("are no probabilities; give")
  );
}

TEST_F(ForeignScript, WhatCannotBeScoresOfTheImageIsRefused) {
  const auto images = torch::randn({1, 3, 40, 75});
  EXPECT_THAT(
      refusal("return x.permute([0, 2, 3, 1])", images),
      HasSubstr("for an image of 40x75; expected [N, classes, H, W] of "
                "floating-point numbers, so permute its result from [N, H, W, "
                "classes]")
  );
  EXPECT_THAT(
      refusal("return x.transpose(2, 3)", images), HasSubstr("expected [N,")
  );
  EXPECT_THAT(
      refusal("return x.argmax(1, True)", images), HasSubstr("returns long")
  );
  // A feature map of stride 8 has ceil(side / 8) features, or one more.
  for (const auto* size : {"[5, 10]", "[6, 11]", "[5, 9]"}) {
    segment(
        "return torch.upsample_bilinear2d(x, " + std::string(size) + ", False)",
        images
    );
  }
}

/// Accepts only sides that are multiples of 16.
const std::string kMultiplesOf16 =
    "return (torch.upsample_bilinear2d(x[:, :, ::16, ::16], "
    "[x.size(2) // 16 * 16, x.size(3) // 16 * 16], False) * 0 + x)";

TEST_F(ForeignScript, SidesThatMustBeMultiplesAreFoundAndPadded) {
  for (const auto& size :
       {std::vector<int64_t>{1, 3, 40, 75}, {1, 3, 33, 16}}) {
    said_.clear();
    const auto images = torch::randn(size);
    // The scores of the image itself are not moved.
    EXPECT_TRUE(torch::equal(segment(kMultiplesOf16, images), images));
    EXPECT_TRUE(torch::equal(segmenter_(images), images));
    EXPECT_EQ(
        said_, folder_ / "model.pt" +
                   ": sides must be multiples of 16; images are padded, and "
                   "their scores cut (--multiple-of 16)\n"
    );
  }
  use_.multiple_of = 16;
  said_.clear();
  const auto images = torch::randn({1, 3, 17, 18});
  EXPECT_TRUE(torch::equal(segment(kMultiplesOf16, images), images));
  EXPECT_EQ(said_, "");
}

TEST_F(ForeignScript, APatchOfATransformerIsFoundToo) {
  const auto images = torch::randn({1, 3, 40, 75});
  const std::string body =
      "return (torch.upsample_bilinear2d(x[:, :, ::14, ::14], "
      "[x.size(2) // 14 * 14, x.size(3) // 14 * 14], False) * 0 + x)";
  EXPECT_TRUE(torch::equal(segment(body, images), images));
  EXPECT_THAT(said_, HasSubstr("(--multiple-of 14)"));
}

TEST_F(ForeignScript, OneSizeIsNotTakenForAMultiple) {
  // The size 48x80 is what 40x75 becomes when padded to multiples of 16.
  const auto images = torch::randn({1, 3, 40, 75});
  const std::string body =
      "return torch.upsample_bilinear2d(x[:, :, ::2, ::2], [48, 80], False) + x";
  EXPECT_THAT(refusal(body, images), HasSubstr("was traced at 48x80"));
}

TEST_F(ForeignScript, ScoresOfOneSizeForAllImagesAreNotStretched) {
  const auto images = torch::randn({1, 3, 64, 96});
  const std::string body =
      "return torch.upsample_bilinear2d(x, [32, 48], False)";
  EXPECT_THAT(
      refusal(body, images),
      HasSubstr("was traced at one size and returns 32x48 for every image; "
                "give --resize 32x48")
  );
  use_.resize = ImageSize{32, 48};
  EXPECT_EQ(segment(body, images).sizes(), images.sizes());
}

}  // namespace
}  // namespace deeplab::model
