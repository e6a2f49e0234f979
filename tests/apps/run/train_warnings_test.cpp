// SPDX-License-Identifier: Apache-2.0
#include "apps/run/train_warnings.h"

#include "data/kinds.h"
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

}  // namespace
}  // namespace deeplab::apps
