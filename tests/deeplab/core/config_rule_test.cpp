// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/config_rule.h"

#include <cmath>

#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab {
namespace {

using ::testing::ElementsAre;
using testing::message_of;

struct Part {
  double momentum = 0.9;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("momentum", momentum, fraction(), "Momentum.", "A paper");
  }
};

struct Whole {
  std::vector<int64_t> rates = {6};
  std::optional<int64_t> levels;
  std::string norm = "batch";
  std::vector<Part> parts;
  std::optional<Part> extra;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("rates", rates, at_least(1).non_empty(), "Dilations.");
    visit("levels", levels, one_of_numbers({1, 2}), "Levels.");
    visit("norm", norm, one_of({"batch", "group"}), "Normalisation.");
    visit("parts", parts, "Parts.");
    visit("extra", extra, "One more part.");
  }
};

std::string refusal(const Whole& config) {
  return message_of<ConfigError>([&] { check_config(config, "model"); });
}

TEST(CheckConfig, NamesTheFirstKeyThatBreaksItsRule) {
  Whole config;
  EXPECT_NO_THROW(check_config(config, "model"));
  config.norm = "grup";
  EXPECT_EQ(
      refusal(config),
      "model.norm is \"grup\"; known: batch, group (did you mean group?)"
  );
  config.levels = 3;
  EXPECT_EQ(refusal(config), "model.levels is 3; known: 1, 2");
  config.rates = {6, 0};
  EXPECT_EQ(refusal(config), "model.rates[1] is 0; must be >= 1");
  config.rates = {};
  EXPECT_EQ(refusal(config), "model.rates is empty; give at least one");
}

TEST(CheckConfig, LooksIntoListsAndOptionalObjects) {
  Whole config;
  config.parts = {{0.5}, {1}};
  EXPECT_EQ(refusal(config), "model.parts[1].momentum is 1; must be in [0, 1)");
  config.parts = {};
  config.extra = Part{std::nan("")};
  EXPECT_EQ(refusal(config), "model.extra.momentum is nan; must be in [0, 1)");
}

TEST(Rule, HasTheEndsThatItsTextNames) {
  const auto allows = [](const Rule& rule, double value) {
    try {
      rule.check("key", value);
      return true;
    } catch (const ConfigError&) {
      return false;
    }
  };
  struct Case {
    Rule rule;
    const char* text;
    std::vector<bool> allowed;
  };
  const std::vector<double> values{-1, 0, 0.5, 1, 2, 3};
  const std::vector<Case> cases{
      {at_least(0.5), ">= 0.5", {false, false, true, true, true, true}},
      {above(0.5), "> 0.5", {false, false, false, true, true, true}},
      {between(0, 1), "0 to 1", {false, true, true, true, false, false}},
      {fraction(), "in [0, 1)", {false, true, true, false, false, false}},
      {positive_fraction(),
       "in (0, 1]",
       {false, false, true, true, false, false}},
      {probability(), "in [0, 1]", {false, true, true, true, false, false}},
      {odd(), "odd", {false, false, false, true, false, true}},
      {one_of_numbers({0, 2}),
       "0, 2",
       {false, true, false, false, true, false}}};
  for (const auto& one : cases) {
    EXPECT_EQ(one.rule.text(), one.text);
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(allows(one.rule, values[i]), one.allowed[i])
          << one.text << ' ' << values[i];
    }
  }
}

TEST(ListKeys, NamesEveryKeyWithTypeDefaultRuleAndSource) {
  const auto keys = list_keys<Whole>();
  std::vector<std::string> paths;
  std::vector<std::string> types;
  for (const auto& key : keys) {
    paths.push_back(key.path);
    types.push_back(key.type);
  }
  EXPECT_THAT(
      paths, ElementsAre(
                 "rates", "levels", "norm", "parts", "parts[].momentum",
                 "extra", "extra.momentum"
             )
  );
  EXPECT_THAT(
      types, ElementsAre(
                 "list of whole number", "whole number or null", "text",
                 "list of object", "number", "object or null", "number"
             )
  );
  EXPECT_EQ(keys[0].by_default, Json({6}));
  EXPECT_EQ(keys[0].description.rule.text(), ">= 1; at least one");
  EXPECT_EQ(keys[4].description.sentence, "Momentum.");
  EXPECT_EQ(keys[4].description.source, "A paper");
}

}  // namespace
}  // namespace deeplab
