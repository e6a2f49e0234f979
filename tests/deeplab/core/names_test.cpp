// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/names.h"

#include <array>

#include "support/support.h"

namespace deeplab {
namespace {

using testing::message_of;

const std::vector<std::string> kKnown{"train", "evaluate", "predict", "crf"};

TEST(NearestName, IsFoundForOneTypingErrorOfEachKind) {
  EXPECT_EQ(nearest_name("trai", kKnown), "train");
  EXPECT_EQ(nearest_name("trainn", kKnown), "train");
  EXPECT_EQ(nearest_name("trein", kKnown), "train");
  EXPECT_EQ(nearest_name("trian", kKnown), "train");
}

TEST(NearestName, IsTheOneWithTheFewestErrors) {
  EXPECT_EQ(nearest_name("resnet19", {"resnet101", "resnet18"}), "resnet18");
}

TEST(NearestName, IsEmptyIfNoneIsClose) {
  EXPECT_EQ(nearest_name("export", kKnown), "");
  EXPECT_EQ(nearest_name("", kKnown), "");
  EXPECT_EQ(nearest_name("abc", kKnown), "");
  EXPECT_EQ(nearest_name("train", {}), "");
}

struct Entry {
  const char* name;
  const char* about;
};
constexpr std::array kTable{
    Entry{"poly", "first"}, Entry{"poly", "again"}, Entry{"step", "second"}};

TEST(NamedTable, GivesTheFirstEntryOfANameOrListsTheKnownOnes) {
  EXPECT_STREQ(find_named(kTable, "train.schedule", "poly").about, "first");
  EXPECT_EQ(
      message_of<ConfigError>([] {
        find_named(kTable, "train.schedule", "stepp");
      }),
      "train.schedule is \"stepp\"; known: poly, step (did you mean step?)"
  );
}

}  // namespace
}  // namespace deeplab
