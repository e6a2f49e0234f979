// SPDX-License-Identifier: Apache-2.0
// Tests of exported presets, for both the short and the long test program.
#pragma once

#include <string>
#include <vector>

#include <fmt/core.h>
#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/core/segmenter.h"
#include "deeplab/model/preset_sizes.h"
#include "deeplab/model/torchscript.h"
#include "support/support.h"

namespace deeplab::model {

inline void expect_close(
    const torch::Tensor& ours, const torch::Tensor& theirs, double tolerance
) {
  ASSERT_EQ(theirs.sizes(), ours.sizes());
  const double scale = std::max(1.0, ours.abs().max().item<double>());
  EXPECT_LT((ours - theirs).abs().max().item<double>(), tolerance * scale)
      << ours.sizes();
}
inline void expect_same(
    const torch::Tensor& ours, const torch::Tensor& theirs
) {
  expect_close(ours, theirs, 1e-6);
}

inline std::string bytes_of(const torch::Tensor& values) {
  return {static_cast<const char*>(values.data_ptr()), values.nbytes()};
}

class ExportedPresets : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    network_ = make_preset(GetParam());
    export_torchscript(network_, {}, file_);
    EXPECT_TRUE(network_->is_training());
    network_->eval();
  }

  torch::NoGradGuard no_grad_;
  testing::TemporaryFolder folder_;
  std::string file_ = folder_ / "net.pt";
  DeepLab network_{nullptr};
};

TEST_P(ExportedPresets, GiveTheNetworksResultAtAnySizeHereAndInPython) {
  const auto script = load_torchscript(file_, {});
  std::vector<torch::Tensor> results;
  std::string input;
  std::string command = fmt::format(
      "{} tools/torchscript_reference.py {} {}{}", testing::kPython, file_,
      folder_ / "images.bin ", folder_ / "logits.bin"
  );
  int64_t count = 0;
  for (const auto& images : five_images()) {
    results.push_back(network_->forward(images));
    expect_same(results.back(), script(images));
    input += bytes_of(images);
    count += results.back().numel();
    command += fmt::format(
        " {}x{}x{}", images.size(0), images.size(2), images.size(3)
    );
  }
  if (!testing::python_has("torch")) GTEST_SKIP() << "no python3-torch";
  testing::write_text(folder_ / "images.bin", input);
  const auto finished = testing::run_shell(command);
  ASSERT_EQ(finished.code, 0) << finished.output;
  auto theirs = torch::tensor(
      testing::read_floats(folder_ / "logits.bin", static_cast<size_t>(count))
  );
  for (const auto& ours : results) {
    expect_same(ours, theirs.slice(0, 0, ours.numel()).view(ours.sizes()));
    theirs = theirs.slice(0, ours.numel());
  }
}

/// LibTorch's executor profiles the first calls of a script and may compile it
/// at a later call, which could then take minutes or give another result.
TEST_P(ExportedPresets, AnswerAlikeInEveryCall) {
  const auto images = five_images()[0];
  const auto ours = network_->forward(images);
  const auto script = load_torchscript(file_, {});
  for (int call = 0; call < 3; ++call) expect_same(ours, script(images));
  ScriptOptions options;
  options.freeze = true;
  export_torchscript(network_, options, file_);
  const auto frozen = load_torchscript(file_, {});
  // Batch norms are folded into convolutions, which changes the rounding.
  for (int call = 0; call < 3; ++call) {
    expect_close(ours, frozen(images), 1e-4);
  }
}

}  // namespace deeplab::model
