// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace deeplab {

/// The values that a config key may have. For a list, the rule applies to each
/// item.
///
///     visit("momentum", momentum, fraction(), "Momentum of SGD.");
///     visit("rates", rates, at_least(1), "Dilations of the branches.");
class Rule {
 public:
  /// Allows any value of the key's type.
  Rule() = default;
  /// Allows the numbers for which `holds` is true. `text` completes "must be
  /// ...".
  Rule(std::function<bool(double)> holds, std::string text);
  /// Allows only these numbers.
  explicit Rule(const std::vector<int64_t>& numbers);
  /// Allows only these names.
  explicit Rule(std::vector<std::string> names) : names_(std::move(names)) {}

  /// Returns the same rule with the addition that a list must have at least one
  /// item.
  Rule non_empty() const;

  /// Throws: ConfigError "PATH is VALUE; must be ..." if the value breaks the
  ///         rule.
  void check(const std::string& path, int64_t value) const;
  void check(const std::string& path, double value) const;
  void check(const std::string& path, const std::string& value) const;
  void check(const std::string& /*path*/, bool /*value*/) const {}
  /// Throws: ConfigError if a list with that many items is too short.
  void check_items(const std::string& path, size_t items) const;

  /// Returns the rule as text, e.g. ">= 1" or "sgd, adam, adamw"; empty if any
  /// value is allowed.
  std::string text() const;

 private:
  /// Returns the rule for one item of a list.
  std::string items_text() const;
  template <class Number>
  void check_number(const std::string& path, Number value) const;

  std::function<bool(double)> holds_;
  std::string text_;
  std::vector<std::string> names_;
  bool non_empty_ = false;
};

/// Allow finite numbers that are at least, or above, `least`.
Rule at_least(double least);
Rule above(double least);
/// Allows the numbers from `least` to `most`, both included.
Rule between(double least, double most);
/// Allow the numbers in [0, 1), in (0, 1], or in [0, 1].
Rule fraction();
Rule positive_fraction();
Rule probability();
/// Allows 1, 3, 5, ...
Rule odd();
/// Allows only these numbers.
Rule one_of_numbers(const std::vector<int64_t>& numbers);
/// Allows only these names.
Rule one_of(std::vector<std::string> names);
template <size_t kCount>
Rule one_of(const std::array<const char*, kCount>& names) {
  return one_of(std::vector<std::string>(names.begin(), names.end()));
}
/// Allows the strides that OutputStride has.
Rule output_strides();

/// Everything that users need to know about a config key besides its type.
struct KeyDescription {
  Rule rule;
  /// One sentence that says what the key is for.
  std::string sentence;
  /// Paper and section, or the program whose convention it is; may be empty.
  std::string source;
};

/// Builds the description from the arguments that follow a field in a config's
/// `fields()`: a rule if the key has one, a sentence, and a source if there is
/// one.
KeyDescription describe_key(const char* sentence, const char* source = "");
KeyDescription describe_key(
    Rule rule, const char* sentence, const char* source = ""
);

}  // namespace deeplab
