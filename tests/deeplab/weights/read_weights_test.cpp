// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/read_weights.h"

#include <torch/script.h>
#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/weights/pickle.h"
#include "deeplab/weights/safetensors.h"
#include "support/support.h"

namespace deeplab::weights {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

// Made by tools/make_golden.py.
const std::string kGolden = "tests/golden/";

void expect_golden(const StateDict& tensors) {
  ASSERT_EQ(tensors.size(), 6U);
  EXPECT_TRUE(torch::equal(
      tensors["conv.weight"], torch::arange(24.0).reshape({2, 3, 4})
  ));
  EXPECT_TRUE(torch::equal(tensors["conv.bias"], torch::tensor({0.5F, -2.0F})));
  EXPECT_TRUE(torch::equal(
      tensors["transposed"], torch::arange(6.0).reshape({2, 3}).t()
  ));
  EXPECT_EQ(tensors["half"].scalar_type(), torch::kFloat16);
  EXPECT_EQ(tensors["half"][1].item<float>(), -0.25F);
  EXPECT_EQ(tensors["steps"].item<int64_t>(), 7);
  EXPECT_EQ(tensors["empty"].sizes(), (std::vector<int64_t>{0, 4}));
}

TEST(ReadWeights, ReadsAnOrdinaryStateDict) {
  expect_golden(read_weights(kGolden + "state_dict.pth"));
}

TEST(ReadWeights, UnwrapsATrainingScriptsDict) {
  expect_golden(read_weights(kGolden + "wrapped.pth"));
}

TEST(ReadWeights, RunsNothingOfAPickle) {
  const auto tensors = read_weights(kGolden + "evil.pth");
  EXPECT_EQ(tensors.size(), 1U);
  EXPECT_TRUE(tensors.contains("conv.bias"));
  EXPECT_FALSE(std::filesystem::exists("EVIL"));
}

TEST(ReadWeights, EveryTruncationIsAnError) {
  const testing::TemporaryFolder folder;
  const auto whole = testing::read_text(kGolden + "state_dict.pth");
  for (size_t length = 0; length < whole.size(); length += 7) {
    testing::write_text(folder / "cut.pth", whole.substr(0, length));
    EXPECT_THAT(
        message_of<DataError>([&] { read_weights(folder / "cut.pth"); }),
        HasSubstr("cut.pth: ")
    ) << length;
  }
}

TEST(ReadWeights, EveryFlippedByteIsReadOrRefused) {
  const testing::TemporaryFolder folder;
  const auto whole = testing::read_text(kGolden + "state_dict.pth");
  for (size_t at = 0; at < whole.size(); ++at) {
    auto damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
    testing::write_text(folder / "bad.pth", damaged);
    try {
      read_weights(folder / "bad.pth");
    } catch (const DataError&) {
      continue;
    }
  }
}

TEST(ReadWeights, SaysWhatAnotherFileIs) {
  const testing::TemporaryFolder folder;
  testing::write_text(folder / "a.txt", "hello");
  EXPECT_THAT(
      message_of<DataError>([&] { read_weights(folder / "a.txt"); }),
      HasSubstr("neither safetensors nor the zip form of torch.save")
  );
  torch::jit::Module script("script");
  script.save(folder / "script.pt");
  EXPECT_THAT(
      message_of<DataError>([&] { read_weights(folder / "script.pt"); }),
      HasSubstr("a TorchScript archive; give it as --torchscript")
  );
}

TEST(Pickle, RefusesATensorThatClaimsMoreThanItsStorage) {
  // A state dict of one float tensor [2] over storage "0" of two elements,
  // as protocol 2 writes it; `size` and `stride` are its claims.
  const auto pickle = [](char size, char stride) {
    const std::string zeros(3, '\0');
    std::string text = "\x80\x02}X\x01" + zeros + "w";
    text += "ctorch._utils\n_rebuild_tensor_v2\n((";
    text += "X\x07" + zeros + "storagectorch\nFloatStorage\n";
    text += "X\x01" + zeros + "0X\x03" + zeros + "cpuK\x02tQ";
    text += std::string("K") + '\0' + "K" + size + "\x85K" + stride;
    return text + "\x85\x89NtRs.";
  };
  const float values[] = {1, 2};
  const auto storages = [&](const std::string&) {
    return std::string_view(
        reinterpret_cast<const char*>(values), sizeof(values)
    );
  };
  EXPECT_NO_THROW(Pickle(pickle(2, 1), storages));
  EXPECT_THAT(
      message_of<DataError>([&] { Pickle(pickle(3, 1), storages); }),
      HasSubstr("of a storage that holds 2")
  );
  EXPECT_THAT(
      message_of<DataError>([&] { Pickle(pickle(2, 2), storages); }),
      HasSubstr("of a storage that holds 2")
  );
  EXPECT_THAT(
      message_of<DataError>([&] { Pickle(pickle(100, 0), storages); }),
      HasSubstr("repeats its elements")
  );
}

TEST(Pickle, RefusesAnOpcodeThatTorchDoesNotWrite) {
  EXPECT_THAT(
      message_of<DataError>([] { Pickle("\x80\x02i.", {}); }),
      HasSubstr("opcode 105")
  );
  EXPECT_THROW(Pickle("0.", {}), DataError);
  EXPECT_THROW(Pickle("t.", {}), DataError);
}

TEST(Safetensors, ReadsBackWhatItWrote) {
  const testing::TemporaryFolder folder;
  TensorFile file;
  file.metadata["a"] = "b";
  file.tensors.insert("x", torch::randn({2, 3, 5}));
  file.tensors.insert("y", torch::tensor(7));
  file.tensors.insert("z", torch::randn({4, 4}).t());
  file.tensors.insert("e", torch::empty({0, 3}));
  write_safetensors(folder / "f", file);
  const auto bytes = testing::read_text(folder / "f");
  const auto back = parse_safetensors(bytes, "f");
  EXPECT_EQ(back.metadata, file.metadata);
  for (const auto& item : file.tensors) {
    EXPECT_TRUE(torch::equal(back.tensors[item.key()], item.value()));
  }
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THROW(parse_safetensors(bytes.substr(0, length), "f"), DataError);
  }
}

TEST(Safetensors, ChecksWhatTheHeaderClaims) {
  const auto refusal = [](const std::string& header) {
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(header.size());
    return message_of<DataError>([&] {
      parse_safetensors(bytes + header + std::string(8, 'x'), "f");
    });
  };
  EXPECT_THAT(
      refusal(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})"),
      HasSubstr("f: tensor w lies at bytes 0 to 12 of 8")
  );
  EXPECT_THAT(
      refusal(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})"),
      HasSubstr("has 8 bytes; its shape needs 12")
  );
  EXPECT_THAT(
      refusal(R"({"w":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}})"),
      HasSubstr("dtype F99")
  );
  EXPECT_THAT(
      refusal(R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})"),
      HasSubstr("has side -2")
  );
  EXPECT_THAT(
      refusal(
          R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})"
      ),
      HasSubstr("more elements than any file")
  );
  EXPECT_THAT(refusal(R"({"w":3})"), HasSubstr("damaged header"));
}

TEST(LoadState, ReportsWhatDidNotFit) {
  torch::nn::Linear linear(3, 2);
  StateDict tensors;
  tensors.insert("weight", torch::ones({2, 3}));
  tensors.insert("bias", torch::ones({4}));
  tensors.insert("other", torch::ones({1}));
  const auto report = load_state(*linear, tensors);
  EXPECT_EQ(report.loaded, std::vector<std::string>{"weight"});
  EXPECT_EQ(report.mismatched, std::vector<std::string>{"bias [4] != [2]"});
  EXPECT_EQ(report.unexpected, std::vector<std::string>{"other"});
  EXPECT_FALSE(report.complete());
  EXPECT_TRUE(torch::equal(linear->weight, torch::ones({2, 3})));
  EXPECT_THAT(report.summary(), HasSubstr("of another shape"));
}

}  // namespace
}  // namespace deeplab::weights
