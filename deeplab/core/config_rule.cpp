// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/config_rule.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab {
namespace {}  // namespace

Rule::Rule(std::function<bool(double)> holds, std::string text)
    : holds_(std::move(holds)), text_(std::move(text)) {}

Rule::Rule(const std::vector<int64_t>& numbers)
    : holds_([numbers](double value) {
        return std::any_of(
            numbers.begin(), numbers.end(),
            [value](int64_t number) {
              return static_cast<double>(number) == value;
            }
        );
      }) {
  for (const auto number : numbers) names_.push_back(std::to_string(number));
}

Rule Rule::non_empty() const {
  Rule rule = *this;
  rule.non_empty_ = true;
  return rule;
}

template <class Number>
void Rule::check_number(const std::string& path, Number value) const {
  const auto number = static_cast<double>(value);
  if (std::isfinite(number) && (!holds_ || holds_(number))) return;
  throw ConfigError(fmt::format(
      "{} is {}; {} {}", path, value,
      names_.empty() ? "must be" : "known:", holds_ ? items_text() : "finite"
  ));
}

void Rule::check(const std::string& path, int64_t value) const {
  check_number(path, value);
}

void Rule::check(const std::string& path, double value) const {
  check_number(path, value);
}

void Rule::check(const std::string& path, const std::string& value) const {
  const bool is_known =
      names_.empty() ||
      std::find(names_.begin(), names_.end(), value) != names_.end();
  if (!is_known) throw ConfigError(unknown_name(path, value, names_));
}

void Rule::check_items(const std::string& path, size_t items) const {
  if (!non_empty_ || items > 0) return;
  throw ConfigError(fmt::format("{} is empty; give at least one", path));
}

std::string Rule::items_text() const {
  return names_.empty() ? text_ : list_names(names_);
}

std::string Rule::text() const {
  auto items = items_text();
  if (!non_empty_) return items;
  return items.empty() ? "at least one" : items + "; at least one";
}

Rule at_least(double least) {
  return {
      [least](double value) { return value >= least; },
      fmt::format(">= {}", least)};
}

Rule above(double least) {
  return {
      [least](double value) { return value > least; },
      fmt::format("> {}", least)};
}

Rule between(double least, double most) {
  return {
      [=](double value) { return value >= least && value <= most; },
      fmt::format("{} to {}", least, most)};
}

Rule fraction() {
  return {[](double value) { return value >= 0 && value < 1; }, "in [0, 1)"};
}

Rule positive_fraction() {
  return {[](double value) { return value > 0 && value <= 1; }, "in (0, 1]"};
}

Rule probability() {
  return {[](double value) { return value >= 0 && value <= 1; }, "in [0, 1]"};
}

Rule odd() {
  return {
      [](double value) { return value >= 1 && std::fmod(value, 2) == 1; },
      "odd"};
}

Rule one_of_numbers(const std::vector<int64_t>& numbers) {
  return Rule(numbers);
}

Rule one_of(std::vector<std::string> names) { return Rule(std::move(names)); }

Rule output_strides() { return one_of_numbers({4, 8, 16, 32, 64, 128, 256}); }

KeyDescription describe_key(const char* sentence, const char* source) {
  return {{}, sentence, source};
}

KeyDescription describe_key(
    Rule rule, const char* sentence, const char* source
) {
  return {std::move(rule), sentence, source};
}

}  // namespace deeplab
