// SPDX-License-Identifier: Apache-2.0
#include "apps/run/train_warnings.h"

#include "data/kinds.h"
#include "deeplab/model/deeplab.h"
#include "support/support.h"

namespace deeplab::apps {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> warnings_of(const RunConfig& config) {
  const auto train = data::make_dataset(config.data, data::Role::kTrain);
  const auto validation =
      data::make_dataset(config.data, data::Role::kValidation);
  return train_warnings(config, *train, *validation, /*processes=*/1);
}

TEST(TrainWarnings, NameTheStretchOfCorners) {
  RunConfig config;
  config.model.alignment = "corners";
  config.augment.crop = 240;
  EXPECT_THAT(
      warnings_of(config),
      Contains(HasSubstr("the last feature of output stride 16 looks at pixel "
                         "224, but is drawn at 239. Set augment.crop to a "
                         "multiple of the stride plus 1 (e.g. 241)"))
  );
  const auto stretch = Contains(HasSubstr("are stretched"));
  config.augment.crop = 241;
  EXPECT_THAT(warnings_of(config), Not(stretch));
  config.augment.crop = 240;
  config.model.alignment = "centres";
  EXPECT_THAT(warnings_of(config), Not(stretch));
}

TEST(TrainWarnings, TellHowMuchOfTheFirstStatisticsRemains) {
  RunConfig config;
  config.train.batch_norm_momentum = 0.0003;
  config.train.iterations = 1500;
  EXPECT_THAT(
      warnings_of(config),
      Contains(HasSubstr("with train.batch_norm_momentum 0.0003 and 1500 "
                         "iterations, 64 % of the batch norms' first "
                         "statistics remain"))
  );
  const auto remains = Contains(HasSubstr("first statistics remain"));
  config.train.iterations = 30000;
  EXPECT_THAT(warnings_of(config), Not(remains));
  config.train.iterations = 1500;
  config.train.batch_norm = "frozen";
  EXPECT_THAT(warnings_of(config), Not(remains));
}

/// Returns what is said of weights of a ResNet with a 7x7 convolution.
std::vector<std::string> weight_warnings_of(
    const std::string& stem, const std::string& batch_norm
) {
  model::DeepLabConfig config;
  config.backbone = "resnet18";
  const model::DeepLab file(config, 2);
  weights::StateDict backbone;
  for (const auto& item : weights::state_dict(*file)) {
    if (item.key().rfind("backbone.", 0) == 0) {
      backbone.insert(item.key(), item.value());
    }
  }
  config.backbone_options.stem = stem;
  model::DeepLab network(config, 2);
  engine::TrainConfig train;
  train.init_from = "resnet.pth";
  train.batch_norm = batch_norm;
  return weight_warnings(train, weights::load_state(*network, backbone));
}

TEST(WeightWarnings, NameTensorsOfTheBackboneThatStayRandomAndTheRemedy) {
  EXPECT_THAT(
      weight_warnings_of("beta", "train"),
      ::testing::ElementsAre(::testing::AllOf(
          HasSubstr("warning: resnet.pth: "), HasSubstr("backbone.stem.0.conv"),
          HasSubstr("set model.backbone_options.stem=conv7")
      ))
  );
  EXPECT_THAT(weight_warnings_of("conv7", "train"), ::testing::IsEmpty());
}

TEST(WeightWarnings, NameFrozenBatchNormsWithoutStatistics) {
  EXPECT_THAT(
      weight_warnings_of("conv7", "frozen"),
      ::testing::ElementsAre(HasSubstr(
          "train.batch_norm is \"frozen\", but resnet.pth has no statistics for"
      ))
  );
}

}  // namespace
}  // namespace deeplab::apps
