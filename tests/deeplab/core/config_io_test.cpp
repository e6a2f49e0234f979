// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/config_io.h"

#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

struct Inner {
  double rate = 0.5;
  std::vector<int64_t> sizes = {1, 2};
  std::optional<int64_t> limit;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("rate", rate);
    visit("sizes", sizes);
    visit("limit", limit);
  }
};

struct Outer {
  int64_t count = 3;
  bool loud = false;
  std::string name = "a";
  Inner inner;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("count", count);
    visit("loud", loud);
    visit("name", name);
    visit("inner", inner);
  }
};

std::string refusal(const std::string& text) {
  return message_of<ConfigError>([&] {
    read_config<Outer>(parse_json(text, "file.json"), "");
  });
}

TEST(ConfigIo, KeepsDefaultsOfKeysThatAreLeftOut) {
  const auto config =
      read_config<Outer>(Json::parse(R"({"inner":{"rate":2}})"), "");
  EXPECT_EQ(config.count, 3);
  EXPECT_EQ(config.inner.rate, 2.0);
  EXPECT_EQ(config.inner.sizes, (std::vector<int64_t>{1, 2}));
  EXPECT_FALSE(config.inner.limit.has_value());
}

TEST(ConfigIo, WritesWhatItReads) {
  const auto text =
      R"({"count":7,"loud":true,"name":"b","inner":{"rate":0.25,"sizes":[4],)"
      R"("limit":9}})";
  EXPECT_EQ(
      write_config(read_config<Outer>(Json::parse(text), "")).dump(), text
  );
}

TEST(ConfigIo, NamesAnUnknownKeyWithItsPath) {
  EXPECT_THAT(
      refusal(R"({"inner":{"rat":1}})"),
      HasSubstr(
          "inner.rat is not a known key (did you mean rate?); known: rate, sizes, limit"
      )
  );
}

TEST(ConfigIo, RefusesAFractionWhereAWholeNumberBelongs) {
  EXPECT_THAT(
      refusal(R"({"count":1.5})"), HasSubstr("count is 1.5; expected a whole")
  );
}

TEST(ConfigIo, RefusesWrongTypes) {
  EXPECT_THAT(refusal(R"({"count":"3"})"), HasSubstr("count is \"3\""));
  EXPECT_THAT(refusal(R"({"loud":1})"), HasSubstr("loud is 1"));
  EXPECT_THAT(refusal(R"({"name":1})"), HasSubstr("name is 1"));
  EXPECT_THAT(refusal(R"({"inner":3})"), HasSubstr("inner is 3"));
  EXPECT_THAT(
      refusal(R"({"inner":{"sizes":[1,2.5]}})"), HasSubstr("inner.sizes[1]")
  );
  EXPECT_THAT(
      refusal(R"({"count":18446744073709551615})"), HasSubstr("count is")
  );
}

TEST(ConfigIo, RefusesADoubledKey) {
  EXPECT_THAT(
      refusal(R"({"count":1,"count":2})"),
      HasSubstr("duplicate key count; remove one of them")
  );
}

TEST(ConfigIo, NamesFileAndLineOfBrokenJson) {
  EXPECT_THAT(
      refusal("{\n\"count\": ,\n}"),
      HasSubstr("file.json: not valid JSON near line 2")
  );
}

}  // namespace
}  // namespace deeplab
