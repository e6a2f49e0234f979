// SPDX-License-Identifier: Apache-2.0
// Runs the program on the files that people have: photos of many programs,
// weights and TorchScript networks of other projects, masks of other values.
#include <algorithm>
#include <filesystem>

#include <fmt/core.h>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <torch/script.h>
#include <torch/torch.h>

#include "data/files/image_file.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/presets.h"
#include "deeplab/weights/name_map.h"
#include "deeplab/weights/safetensors.h"
#include "e2e/program.h"

namespace deeplab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::write_text;
namespace fs = std::filesystem;

class EveryonesFiles : public Program {
 protected:
  /// Writes a TorchScript file whose forward() has this body.
  void write_script(const std::string& body) const {
    torch::jit::Module script("script");
    script.define("def forward(self, x):\n    " + body + "\n");
    script.save(path("model.pt"));
  }
  /// Runs a verb on the photos with that file, without normalisation.
  testing::Finished with_script(const std::string& words) const {
    return deeplab(
        words + " --torchscript " + path("model.pt") +
        " --mean 0,0,0 --std 1,1,1"
    );
  }
  cv::Mat mask(const std::string& name) const {
    return data::read_mask(path("out/" + name + "_mask.png"));
  }
};

/// A photo whose left half is black and whose right half is white.
cv::Mat halves() {
  cv::Mat photo = cv::Mat::zeros(20, 30, CV_8UC3);
  photo.colRange(15, 30).setTo(cv::Scalar::all(255));
  return photo;
}

/// The labels of its halves.
cv::Mat halves_of(int left, int right) {
  cv::Mat labels(20, 30, CV_8UC1, cv::Scalar(left));
  labels.colRange(15, 30).setTo(right);
  return labels;
}

bool equal(const cv::Mat& one, const cv::Mat& other) {
  return one.size() == other.size() && cv::norm(one, other, cv::NORM_INF) == 0;
}

TEST_F(EveryonesFiles, ANetworkOfOneChannelSegmentsTheForeground) {
  data::write_image(path("photo.png"), halves());
  write_script("return x[:, 0:1] - 0.5");
  auto run =
      with_script("predict " + path("photo.png") + " --out " + path("out"));
  ASSERT_EQ(run.code, 0) << run.output;
  EXPECT_TRUE(equal(mask("photo"), halves_of(0, 1)));
  write_script("return x[:, 0:1] * 0.5 + 0.2");
  run = with_script(
      "predict " + path("photo.png") + " --scores probabilities --out " +
      path("out")
  );
  ASSERT_EQ(run.code, 0) << run.output;
  EXPECT_TRUE(equal(mask("photo"), halves_of(0, 1)));
  write_script("return x.permute([0, 2, 3, 1])");
  run = with_script("predict " + path("photo.png") + " --out " + path("out"));
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.output, HasSubstr("permute its result from [N, H, W,"));
}

TEST_F(EveryonesFiles, AFolderOfPhotosIsSegmentedTwiceWithoutItsResults) {
  const auto photo = halves();
  for (const char* name :
       {"a.JPG", "b.tif", "c.bmp", "d.webp", "e.ppm", "sub/f.png"}) {
    fs::create_directories(fs::path(path(name)).parent_path());
    cv::imwrite(path(name), photo);
  }
  for (const char* name : {"g.gif", "h.heic", "._a.JPG", ".DS_Store"}) {
    write_text(path(name), "no photo");
  }
  write_script("return torch.cat([0.5 - x[:, 0:1], x[:, 0:1] - 0.5], 1)");
  const auto here = path("");
  for (const bool again : {false, true}) {
    const auto run = with_script("predict " + here + " --out " + here);
    ASSERT_EQ(run.code, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("1 .gif files, 1 .heic files"));
    EXPECT_THAT(run.output, HasSubstr("1 folders (--recursive takes them)"));
    EXPECT_EQ(
        run.output.find("10 results of an earlier run") != std::string::npos,
        again
    ) << run.output;
    EXPECT_FALSE(fs::exists(path("a_mask_mask.png")));
    for (const char* name : {"a", "b", "c", "d", "e"}) {
      EXPECT_TRUE(equal(
          data::read_mask(path(std::string(name) + "_mask.png")),
          halves_of(0, 1)
      )) << name;
    }
  }
  const auto run = with_script(
      "predict " + here + " --recursive --save mask --out " + path("out")
  );
  ASSERT_EQ(run.code, 0) << run.output;
  EXPECT_TRUE(equal(mask("sub/f"), halves_of(0, 1)));
  EXPECT_TRUE(equal(mask("a"), halves_of(0, 1)));
}

TEST_F(EveryonesFiles, MasksHaveTheValuesOfTheDataSet) {
  data::write_image(path("photo.png"), halves());
  // Class 0 where the photo is black, class 149 where it is white.
  write_script(
      "return torch.cat([0.5 - x[:, 0:1], x[:, 0:1].repeat([1, 148, 1, "
      "1]) * 0 - 1, x[:, 0:1] - 0.5], 1)"
  );
  const auto predict = [&](const std::string& flags) {
    const auto run = with_script(
        "predict " + path("photo.png") + " --save mask --out " + path("out") +
        flags
    );
    EXPECT_EQ(run.code, 0) << run.output;
    return mask("photo");
  };
  // ADE20K's annotations begin with 1; a network of unknown data has numbers.
  EXPECT_TRUE(equal(predict(" --data-kind ade20k"), halves_of(1, 150)));
  EXPECT_TRUE(equal(
      predict(" --data-kind ade20k --mask-values class"), halves_of(0, 149)
  ));
  EXPECT_TRUE(equal(predict(""), halves_of(0, 149)));
}

TEST_F(EveryonesFiles, NamesThatCannotBeDrawnAreInAFile) {
  data::write_image(path("photo.png"), halves());
  write_script("return torch.cat([0.5 - x[:, 0:1], x[:, 0:1] - 0.5], 1)");
  const std::string road = "\xe9\x81\x93\xe8\xb7\xaf";
  const auto run = with_script(
      "predict " + path("photo.png") + " --classes sky," + road + " --out " +
      path("out")
  );
  ASSERT_EQ(run.code, 0) << run.output;
  EXPECT_EQ(
      testing::read_text(path("out/classes.txt")), "0 sky\n1 " + road + "\n"
  );
}

TEST_F(EveryonesFiles, WeightsAloneSayWhatNetworkAndHowManyClasses) {
  // A file of torchvision's deeplabv3 on a small backbone.
  auto config = model::preset("torchvision").config;
  config.backbone = "mobilenet_v2";
  torch::manual_seed(0);
  const model::DeepLab network(config, 21);
  weights::TensorFile file;
  for (const auto& map : weights::name_maps()) {
    if (std::string(map.project) != "torchvision deeplabv3") continue;
    for (const auto& item : weights::state_dict(*network)) {
      file.tensors.insert("model." + *map.theirs(item.key()), item.value());
    }
  }
  weights::write_safetensors(path("weights.safetensors"), file);
  data::write_image(path("photo.png"), halves());
  const std::string flags = " --save mask,probabilities --init-from " +
                            path("weights.safetensors") + " --out ";
  const auto alone =
      deeplab("predict " + path("photo.png") + flags + path("alone"));
  ASSERT_EQ(alone.code, 0) << alone.output;
  EXPECT_THAT(
      alone.output, HasSubstr("its names are those of --network torchvision "
                              "--backbone mobilenet_v2")
  );
  const auto named = deeplab(
      "predict " + path("photo.png") +
      " --network torchvision --backbone mobilenet_v2" + flags + path("named")
  );
  ASSERT_EQ(named.code, 0) << named.output;
  const auto scores = testing::read_text(path("alone/photo_probabilities.npy"));
  EXPECT_THAT(scores, HasSubstr("(21,20,30,)"));
  EXPECT_EQ(scores, testing::read_text(path("named/photo_probabilities.npy")));

  // A file that does not fill the network is not converted in silence.
  const auto convert = [&](const std::string& words) {
    return deeplab(
        "convert " + path("weights.safetensors") + " " +
        path("out.safetensors") + " " + words
    );
  };
  const auto wrong = convert("--network deeplabv3plus-mobilenetv2");
  EXPECT_EQ(wrong.code, 3);
  EXPECT_THAT(wrong.output, HasSubstr("write what fits with --partial"));
  EXPECT_FALSE(fs::exists(path("out.safetensors")));
  EXPECT_EQ(convert("--network torchvision --backbone mobilenet_v2").code, 0);
  EXPECT_EQ(convert("--network deeplabv3plus-mobilenetv2 --partial").code, 0);
}

TEST_F(EveryonesFiles, TrainingStopsWhereAClassMayHaveBecomeVoid) {
  for (const std::string split : {"train", "val"}) {
    for (const std::string id : {"a", "b"}) {
      const auto name = split + "/" + id + ".png";
      fs::create_directories(path("set/images/" + split));
      fs::create_directories(path("set/masks/" + split));
      cv::imwrite(path("set/images/" + name), halves());
      cv::imwrite(path("set/masks/" + name), halves_of(0, 255));
    }
  }
  write_text(path("set/classes.json"), R"(["good", "crack"])");
  const auto train = [&](const std::string& flags) {
    return deeplab(
        "train --data " + path("set") + " --out " + path("run") +
        " --backbone resnet18 --iterations 1 --batch-size 2 --crop 33 "
        "--learning-rate 0.0001 " +
        flags
    );
  };
  const auto stopped = train("");
  EXPECT_EQ(stopped.code, 3);
  EXPECT_THAT(
      stopped.output,
      HasSubstr("the class \"crack\" occurs in no mask of train, "
                "but void (255) does; if 255 is a class, give it")
  );
  write_text(
      path("set/classes.json"), R"(["good", {"name": "crack", "index": 255}])"
  );
  const auto trained = train("");
  ASSERT_EQ(trained.code, 0) << trained.output;
  // Its masks can be put back as annotations, also without the data set.
  fs::rename(path("set"), path("moved"));
  const auto predicted = deeplab(
      "predict " + path("moved/images/val") + " --save mask --checkpoint " +
      path("run/best.safetensors") + " --out " + path("out")
  );
  ASSERT_EQ(predicted.code, 0) << predicted.output;
  for (const auto value : cv::Mat_<uint8_t>(mask("a"))) {
    ASSERT_TRUE(value == 0 || value == 255) << int{value};
  }
}

}  // namespace
}  // namespace deeplab
