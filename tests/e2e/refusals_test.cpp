// SPDX-License-Identifier: Apache-2.0
// Tests the error messages for wrong flags.
#include <algorithm>

#include "e2e/program.h"

namespace deeplab {
namespace {

using ::testing::HasSubstr;

struct Refusal {
  const char* words;
  int code;
  const char* message;
};

class Refusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refusals, AreOneClearLine) {
  const auto finished = deeplab(GetParam().words);
  EXPECT_EQ(finished.code, GetParam().code);
  EXPECT_THAT(finished.output, HasSubstr(GetParam().message));
  EXPECT_EQ(std::count(finished.output.begin(), finished.output.end(), '\n'), 1)
      << finished.output;
}

INSTANTIATE_TEST_SUITE_P(
    Words,
    Refusals,
    ::testing::Values(
        Refusal{
            "trian", 2,
            "error: \"trian\" is not a verb; known: train, evaluate, predict, ablate, compare, plot, export, convert, crf, describe, data (did you mean train?)"},
        Refusal{
            "train --iteration 5", 2,
            " (did you mean --iterations?); deeplab train --help lists the flags"},
        Refusal{"train extra --out /tmp/x", 2, "\"extra\" is not a flag"},
        Refusal{
            "train --set train.iteration=5 --out /tmp/x", 2,
            "train.iteration is not a known key (did you mean iterations?); known: iterations, batch_size"},
        Refusal{
            "train --iterations 1.5 --out /tmp/x", 2,
            "train.iterations is 1.5; expected a whole number"},
        Refusal{
            "train --set 'train.loss=[focal]' --out /tmp/x", 2,
            "[focal]: not valid JSON; put names inside lists and objects in double quotes"},
        Refusal{
            "train --output-stride 12 --out /tmp/x", 2,
            "train.output_stride is 12; known: 4, 8, 16, 32, 64"},
        Refusal{
            "train --backbone resnet19 --out /tmp/x", 2,
            "model.backbone is \"resnet19\"; known: vgg16"},
        Refusal{"train --device tpu --out /tmp/x", 2, "--device tpu"},
        Refusal{
            "train --config /none.json --out /tmp/x", 3,
            "/none.json: cannot open"},
        Refusal{
            "train --data /none --classes a,b --out /tmp/x", 3,
            "/none: no such folder"},
        Refusal{"train --out ''", 2, "--out is empty; give a value"},
        Refusal{
            "train --out /tmp/x --config a --config b", 2,
            "--config is given twice; give it once"},
        Refusal{
            "train --resume --out /none", 2,
            "--resume finds no run in /none: /none/config.json does not exist"},
        Refusal{
            "train --out /tmp/x --set 'model.aspp.rates=[2000000000]'", 2,
            "model.aspp.rates[0] is 2000000000; must be 1 to 4096"},
        Refusal{
            "train --out /tmp/x --set model.aspp.channels=9223372036854775807",
            2, "must be 1 to 65536"},
        Refusal{"evaluate", 2, "no network: give --checkpoint"},
        Refusal{
            "evaluate --checkpoint tests", 3,
            "tests: is a folder without best.safetensors"},
        Refusal{"evaluate --checkpoint /none", 3, "/none: cannot open"},
        Refusal{
            "evaluate --checkpoint a --torchscript b", 2, "several networks"},
        Refusal{"predict", 2, "no photos"},
        Refusal{"predict /none.jpg --checkpoint x", 3, "/none.jpg: no such"},
        Refusal{"ablate /none.json", 3, "/none.json: cannot open"},
        Refusal{
            "predict tests/golden --checkpoint x --mean 0.5", 3,
            "tests/golden: holds no .jpg"},
        Refusal{
            "evaluate --torchscript x --mean 0.5", 2,
            "data.mean must be three numbers"},
        Refusal{
            "evaluate --torchscript x --mean 123.675,116.28,103.53", 2,
            "data.mean is [123.675,116.28,103.53]; colours are in 0..1, so divide these numbers by 255"},
        Refusal{
            "evaluate --torchscript x --std 58.395,57.12,57.375", 2,
            "so divide these numbers by 255"},
        Refusal{
            "evaluate --checkpoint x --resize 3x3", 2,
            "--resize has an effect only with --torchscript"},
        Refusal{
            "evaluate --torchscript x --scores logit", 2,
            "did you mean logits?"},
        Refusal{
            "predict README.md --torchscript x --mask-values classes", 2,
            "--mask-values"},
        Refusal{
            "data prepare camvid tests --val-share 0.2 --out /tmp/x", 2,
            "--val-share has no effect on camvid"},
        Refusal{
            "data prepare coco tests --val-share 2 --out /tmp/x", 2,
            "--val-share is 2; must be between 0 and 1"},
        Refusal{"evaluate --batch-size 3", 2, "batch-size"},
        Refusal{
            "describe --keys train.learning_rat", 2,
            "train.learning_rat is not a config key (did you mean train.learning_rate?)"},
        Refusal{"data chek", 2, "data chek; known: check"},
        Refusal{"describe deeplabv4", 2, "preset \"deeplabv4\" is not known"},
        Refusal{"train --network v3 --out /tmp/x", 2, "preset \"v3\" is not"},
        Refusal{"describe tf --input 513", 2, "expected HEIGHTxWIDTH"},
        Refusal{"describe tf --input 0x9", 2, "--input: a side is 0"},
        Refusal{"describe tf --scales 1,x", 2, "--scales: \"x\" is not"},
        Refusal{"describe tf --count all", 2, "--count all; known: plain"},
        Refusal{
            "train --output-stride 64 --out /tmp/x", 2,
            "train.output_stride is 64; must be at most 32 for this backbone"},
        Refusal{
            "train --set model.backbone_options.stem=beta --out /tmp/x", 2,
            "model.backbone_options.stem is set, but is not an option of mobilenet_v2; known: width"},
        Refusal{
            "convert a", 2,
            "convert needs two files, IN and OUT.safetensors; got 1"},
        Refusal{"convert /none.pth /tmp/x", 3, "/none.pth: cannot open"},
        Refusal{"export --out /tmp/x.pt", 2, "no network"},
        Refusal{"export --checkpoint /none", 2, "--out is not given"},
        Refusal{"crf", 2, "--image is not given"},
        Refusal{"crf --image x.png", 2, "give exactly one of --logits"},
        Refusal{
            "crf --image x.png --logits a --labels b", 2,
            "give exactly one of --logits"},
        Refusal{
            "crf --image x.png --logits a --crf=/none.json", 2,
            "crf /none.json: no such file; known names: resnet101"},
        Refusal{"plot", 2, "no runs; name folders that deeplab train wrote"},
        Refusal{"plot /none --out /tmp/x.html", 3, "/none: no such folder"},
        Refusal{"compare a", 2, "name two runs or checkpoints"},
        Refusal{"compare /none /none", 3, "/none: cannot open"},
        Refusal{"evaluate --scales 1,x", 2, "--scales: \"x\" is not a number"},
        Refusal{
            "evaluate --scales 0", 2,
            "evaluate.scales[0] is 0; must be 0.1 to 10"},
        Refusal{
            "evaluate --memory-limit 0", 2,
            "--memory-limit is 0; must be above 0"},
        Refusal{
            "evaluate --overlap 0.5", 2,
            "--overlap affects only images that are cut into pieces; give"},
        Refusal{
            "evaluate --sizing pytorch", 2,
            "--sizing affects only scaled images"},
        Refusal{
            "export --checkpoint a --out net.onnx", 2,
            "--out net.onnx: export writes TorchScript"},
        Refusal{"ablate a.json --jobs 0", 2, "--jobs is 0; must be a whole"},
        Refusal{
            "crf --image x.png --logits a --save masks", 2,
            "--save masks; known"},
        Refusal{"evaluate --trimap 0", 2, "--trimap: \"0\" is not a whole"},
        Refusal{
            "crf --image x.png --logits a --inference gibs", 2,
            "--inference gibs; known: mean-field, gibbs"},
        Refusal{
            "crf --image x.png --logits a --inference gibbs --steps 1", 2,
            "--steps works only with --inference mean-field"},
        Refusal{"crf tune", 2, "--out is not given"},
        Refusal{"crf tune --out x --grid v3", 2, "--grid v3; known: v1, v2"},
        Refusal{"data chek", 2, "data chek; known: check, pack, prepare"},
        Refusal{"data pack", 2, "--out is not given; name a new folder"},
        Refusal{
            "data pack --out /tmp/x", 2,
            "only a data set of files can be packed"},
        Refusal{
            "data check --data / --data-kind city", 2,
            "data.kind is \"city\"; known: ade20k"},
        Refusal{
            "data check --data / --data-kind cityscapes", 3,
            "/leftImg8bit/train: no such folder"},
        Refusal{
            "data prepare city x.zip --out y", 2,
            "data prepare city; known: ade20k, camvid, cityscapes"},
        Refusal{"data prepare cityscapes", 2, "name the data set and its"},
        Refusal{
            "data prepare cityscapes /none.zip --out /tmp/x", 3,
            "/none.zip: no such file"},
        Refusal{
            "train --threads 0", 2,
            "--threads is 0; must be a whole number from 1 to 1024"},
        Refusal{
            "describe deeplabv3-resnet50 --num-classes 2.5", 2,
            "--num-classes is 2.5; must be a whole number"},
        Refusal{
            "crf --image x.png --logits a --sweeps 0", 2,
            "--sweeps is 0; must be a whole number from 1 to"},
        Refusal{
            "crf --image x.png --logits a --seed -1", 2,
            "--seed is -1; must be a whole number from 0 to"},
        Refusal{
            "crf --image x.png --logits a --confidence much", 2,
            "--confidence is much; must be a number"},
        Refusal{
            "ablate --out /none/x --pictures few", 2,
            "--pictures is few; must be a whole number"},
        Refusal{
            "crf tune --out /tmp/x --images none", 2,
            "--images is none; must be a whole number"}
    )
);

TEST(Help, IsThereForTheProgramAndEachVerb) {
  EXPECT_THAT(deeplab("help").output, HasSubstr("train a network"));
  EXPECT_THAT(deeplab("").output, HasSubstr("usage: deeplab VERB"));
  for (const char* verb :
       {"train", "evaluate", "predict", "ablate", "describe", "data check"}) {
    const auto help = deeplab(std::string(verb) + " --help");
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.output, HasSubstr("--help")) << verb;
  }
  const auto version = deeplab("--version").output;
  EXPECT_THAT(version, HasSubstr("LibTorch "));
  EXPECT_THAT(version, HasSubstr("threads "));
  EXPECT_THAT(version, HasSubstr("BLAS "));
}

TEST_F(Program, RefusesJsonThatIsNestedWithoutEnd) {
  constexpr size_t kDeep = 300000;
  testing::write_text(
      path("deep.json"), std::string(kDeep, '[') + std::string(kDeep, ']')
  );
  const auto finished =
      deeplab("train --config " + path("deep.json") + " --out " + path("out"));
  EXPECT_EQ(finished.code, 2);
  EXPECT_THAT(
      finished.output,
      HasSubstr("deep.json: lists or objects are nested more than 100 deep")
  );
}

TEST_F(Program, VerbsThatDoNotDivideTheirWorkRefuseALauncher) {
  for (const char* verb : {"compare", "export", "convert", "data"}) {
    const auto finished = testing::run_shell(
        "RANK=0 WORLD_SIZE=2 MASTER_PORT=1 " + kProgram + " " + verb
    );
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(
        finished.output,
        HasSubstr(
            std::string(verb) +
            ": torchrun started 2 processes, and each would do the same; "
            "start it once"
        )
    );
  }
}

// A file that is opened first would otherwise take the place of stderr.
TEST_F(Program, ClosedStreamsDoNotEndInAnotherFile) {
  const auto drawn = testing::run_shell(
      kProgram + " data synthesize " + path("set") +
      " --set data.synthetic.train_images=1 --set data.synthetic.val_images=1 <&- >&- 2>&-"
  );
  EXPECT_EQ(drawn.code, 0);
  const auto list =
      testing::read_text(path("set/ImageSets/Segmentation/val.txt"));
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 1) << list;
}

}  // namespace
}  // namespace deeplab
