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

// The files in this folder were made by tools/make_golden.py.
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
  expect_golden(read_weights(kGolden + "state_dict.pth", "").tensors);
}

TEST(ReadWeights, UnwrapsATrainingScriptsDict) {
  expect_golden(read_weights(kGolden + "wrapped.pth", "").tensors);
}

TEST(ReadWeights, RunsNothingOfAPickle) {
  const auto tensors = read_weights(kGolden + "evil.pth", "").tensors;
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
        message_of<DataError>([&] { read_weights(folder / "cut.pth", ""); }),
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
      read_weights(folder / "bad.pth", "");
    } catch (const DataError&) {
      continue;
    }
  }
}

TEST(ReadWeights, SaysWhatAnotherFileIs) {
  const testing::TemporaryFolder folder;
  testing::write_text(folder / "a.txt", "hello");
  EXPECT_THAT(
      message_of<DataError>([&] { read_weights(folder / "a.txt", ""); }),
      HasSubstr(
          "neither a safetensors file nor a file written by torch.save or TorchScript"
      )
  );
  testing::write_text(folder / "empty", "");
  EXPECT_THAT(
      message_of<DataError>([&] { read_weights(folder / "empty", ""); }),
      HasSubstr("empty: neither")
  );
  EXPECT_THAT(
      message_of<DataError>([&] { read_weights(folder.path(), ""); }),
      HasSubstr("not a regular file")
  );
  EXPECT_THAT(
      message_of<DataError>([&] { read_weights(folder / "none", ""); }),
      HasSubstr("none: cannot open: No such file")
  );
}

TEST(ReadWeights, ReadsALegacyFile) {
  expect_golden(read_weights(kGolden + "legacy.pth", "").tensors);
}

TEST(ReadWeights, EveryTruncationOfALegacyFileIsAnError) {
  const auto whole = testing::read_text(kGolden + "legacy.pth");
  for (size_t length = 0; length < whole.size(); length += 5) {
    EXPECT_THROW(
        parse_weights(SharedBytes(whole.substr(0, length)), "cut", ""),
        DataError
    ) << length;
  }
}

TEST(ReadWeights, TakesAWholeModuleApart) {
  const auto file = read_weights(kGolden + "module.pth", "");
  EXPECT_EQ(file.tensors.size(), 7U);
  EXPECT_TRUE(
      torch::equal(file.tensors["0.weight"], torch::arange(6.0).reshape({2, 3}))
  );
  EXPECT_TRUE(torch::equal(
      file.tensors["1.norm.running_var"], torch::tensor({4.0F, 9.0F})
  ));
}

TEST(ReadWeights, TakesTheDictThatIsNamedAndTellsOfTheOthers) {
  const auto usual = read_weights(kGolden + "ema.pth", "");
  EXPECT_EQ(usual.wrapper, "model");
  EXPECT_EQ(usual.others, std::vector<std::string>{"model_ema"});
  EXPECT_EQ(usual.tensors["w"].item<float>(), 1);
  const auto twin = read_weights(kGolden + "ema.pth", "model_ema");
  EXPECT_EQ(twin.tensors["w"].item<float>(), 2);
  EXPECT_EQ(twin.tensors["w"].scalar_type(), torch::kBFloat16);
  EXPECT_THAT(
      message_of<DataError>([&] { read_weights(kGolden + "ema.pth", "ema"); }),
      HasSubstr("no weights under \"ema\"; known: model, model_ema")
  );
}

TEST(ReadWeights, ReadsATorchScriptArchive) {
  const testing::TemporaryFolder folder;
  torch::jit::Module script("script");
  torch::jit::Module child("child");
  child.register_parameter("weight", torch::arange(4.0), /*is_buffer=*/false);
  child.register_buffer("running_mean", torch::ones({2}));
  script.register_module("layer", child);
  script.register_parameter("bias", torch::ones({3}), /*is_buffer=*/false);
  script.define("def forward(self, x):\n    return x + self.bias\n");
  script.save(folder / "script.pt");
  const auto tensors = read_weights(folder / "script.pt", "").tensors;
  ASSERT_EQ(tensors.size(), 3U);
  EXPECT_TRUE(torch::equal(tensors["layer.weight"], torch::arange(4.0)));
  EXPECT_TRUE(torch::equal(tensors["layer.running_mean"], torch::ones({2})));
  EXPECT_TRUE(torch::equal(tensors["bias"], torch::ones({3})));
}

TEST(ReadWeights, ATensorThatIsWrittenToLeavesTheFileAlone) {
  const testing::TemporaryFolder folder;
  const auto whole = testing::read_text(kGolden + "state_dict.pth");
  testing::write_text(folder / "f", whole);
  read_weights(folder / "f", "").tensors["conv.bias"].fill_(5);
  EXPECT_EQ(testing::read_text(folder / "f"), whole);
}

/// Returns a legacy file with one float tensor [size] named "w" and a storage
/// of two elements. `size` and `stride` may be wrong.
std::string legacy_file(char size, char stride) {
  const std::string zeros(3, '\0');
  std::string text(
      "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15
  );
  text += std::string("\x80\x02M\xe9\x03.\x80\x02}.");
  text += "\x80\x02}X\x01" + zeros + "w";
  text += "ctorch._utils\n_rebuild_tensor_v2\n((";
  text += "X\x07" + zeros + "storagectorch\nFloatStorage\n";
  text += "X\x01" + zeros + "0X\x03" + zeros + "cpuK\x02NtQ";
  text += std::string("K") + '\0' + "K" + size + "\x85K" + stride;
  text += "\x85\x89NtRs.\x80\x02]X\x01" + zeros + "0a.";
  text += "\x02" + std::string(7, '\0') + std::string(8, '\0');
  return text;
}

TEST(ReadWeights, RefusesATensorThatClaimsMoreThanItsStorage) {
  const auto parse = [](char size, char stride) {
    return parse_weights(SharedBytes(legacy_file(size, stride)), "f", "");
  };
  EXPECT_EQ(parse(2, 1).tensors["w"].numel(), 2);
  const auto refusal = [&](char size, char stride) {
    return message_of<DataError>([&] { parse(size, stride); });
  };
  EXPECT_THAT(refusal(3, 1), HasSubstr("f: tensor w: a tensor needs elements"));
  EXPECT_THAT(refusal(2, 2), HasSubstr("of a storage that holds 2"));
  EXPECT_THAT(
      refusal(100, 0), HasSubstr("uses elements of its storage repeatedly")
  );
}

TEST(ReadWeights, ManyTensorsOverOneStorageShareIt) {
  // In a legacy file, storages are not aligned and have to be copied.
  const auto file = read_weights(kGolden + "shared.pth", "");
  EXPECT_EQ(file.tensors.size(), 2000U);
  EXPECT_EQ(file.tensors["t0"].data_ptr(), file.tensors["t1999"].data_ptr());
}

TEST(Pickle, MemoryIsBoundedHoweverOftenATextIsNamed) {
  // A text of 64 KB is put into a list a million times, which would need 64 GB
  // if it were copied.
  std::string bytes("\x80\x02]X\x00\x00\x01\x00", 8);
  bytes += std::string(65536, 'x') + "q" + '\0' + "a(";
  for (int i = 0; i < 1'000'000; ++i) bytes += std::string("h\0", 2);
  bytes += "e.";
  const Pickle pickle(bytes);
  const auto* list = std::get<PickleList*>(pickle.root());
  EXPECT_EQ(list->items.size(), 1'000'001U);
}

TEST(Pickle, NestingMayBeDeep) {
  std::string bytes("\x80\x02");
  constexpr int kDeep = 1'000'000;
  bytes += std::string(kDeep, ']') + std::string(kDeep - 1, 'a') + ".";
  EXPECT_NO_THROW(Pickle{bytes});
}

TEST(Pickle, RefusesAnOpcodeThatTorchDoesNotWrite) {
  EXPECT_THAT(
      message_of<DataError>([] { Pickle("\x80\x02i."); }),
      HasSubstr("opcode 105")
  );
  EXPECT_THROW(Pickle("0."), DataError);
  EXPECT_THROW(Pickle("t."), DataError);
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
  const auto back = parse_safetensors(SharedBytes(bytes), "f");
  EXPECT_EQ(back.metadata, file.metadata);
  for (const auto& item : file.tensors) {
    EXPECT_TRUE(torch::equal(back.tensors[item.key()], item.value()));
  }
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THROW(
        parse_safetensors(SharedBytes(bytes.substr(0, length)), "f"), DataError
    );
  }
}

TEST(Safetensors, ChecksWhatTheHeaderClaims) {
  const auto refusal = [](const std::string& header) {
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(header.size());
    return message_of<DataError>([&] {
      parse_safetensors(SharedBytes(bytes + header + std::string(8, 'x')), "f");
    });
  };
  EXPECT_THAT(
      refusal(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})"),
      HasSubstr(
          "f: tensor w is stored at bytes 0 to 12, but the file's data has 8"
      )
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
      HasSubstr("has a dimension of -2")
  );
  EXPECT_THAT(
      refusal(
          R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})"
      ),
      HasSubstr("more elements than a file can hold")
  );
  EXPECT_THAT(refusal(R"({"w":3})"), HasSubstr("damaged header"));
  EXPECT_THAT(
      refusal(
          R"({"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"
      ),
      HasSubstr("shares bytes with another")
  );
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
  EXPECT_THAT(report.summary(), HasSubstr("with another shape in the file"));
}

TEST(LoadState, SaysWhenOnlyTheNumberOfClassesDiffers) {
  torch::nn::Conv2d classifier(torch::nn::Conv2dOptions(4, 11, 1));
  StateDict tensors;
  tensors.insert("weight", torch::ones({21, 4, 1, 1}));
  tensors.insert("bias", torch::ones({21}));
  EXPECT_THAT(
      load_state(*classifier, tensors).summary(),
      HasSubstr("the file has 21 classes, the network has 11")
  );
}

TEST(LoadState, SaysWhenOneOfTheTwoIsSeparable) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(4, 4, 1).bias(false));
  StateDict tensors;
  tensors.insert("weight", torch::ones({4, 4, 3, 3}));
  EXPECT_THAT(
      load_state(*conv, tensors).summary(), HasSubstr("are not separable")
  );
}

TEST(LoadState, GroupsManyNames) {
  torch::nn::ModuleList network;
  for (int i = 0; i < 20; ++i) network->push_back(torch::nn::Linear(1, 1));
  torch::nn::ModuleList outer(network, torch::nn::Linear(1, 1));
  const auto summary = load_state(*outer, StateDict()).summary();
  EXPECT_THAT(summary, HasSubstr("unchanged (42): 0.0.* (2), "));
  EXPECT_THAT(summary, HasSubstr("and 17 groups more"));
}

}  // namespace
}  // namespace deeplab::weights
