// SPDX-License-Identifier: Apache-2.0
#pragma once

// cxxopts would cut --set model.aspp.rates=[6,12] at its comma.
#define CXXOPTS_VECTOR_DELIMITER '\0'
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <cxxopts.hpp>

#include "apps/cli/arguments.h"
#include "deeplab/core/segmenter.h"

namespace deeplab::apps {

/// The allowed range of a whole number, both ends included.
struct WholeRange {
  int64_t least;
  int64_t most = std::numeric_limits<int64_t>::max();
};

/// The flags of a verb. Parses them, prints the help for --help, and applies
/// --threads.
class Flags {
 public:
  /// `usage` follows "deeplab VERB" in the help.
  Flags(
      const std::string& verb,
      const std::string& about,
      const std::string& usage
  );

  cxxopts::OptionAdder add() { return options_.add_options(); }
  /// Adds flags to a group, which the help shows under its own title.
  cxxopts::OptionAdder add(const std::string& group);
  /// Adds a flag for a whole number. parse() rejects numbers that are out of
  /// range.
  void add_whole(
      const std::string& name,
      const std::string& about,
      WholeRange range,
      int64_t by_default
  );
  /// Adds --device.
  void add_device();
  /// Collects the words that are not flags under `name`.
  void take_positional(const std::string& name);

  /// Parses the words. Returns true if the verb has work to do, and false after
  /// --help, for which it prints the help.
  /// Throws: ConfigError if a flag is unknown, or a number is out of range.
  bool parse(const Arguments& arguments);

  bool has(const std::string& name) const { return result_.count(name) > 0; }
  template <class Value>
  Value get(const std::string& name) const {
    return result_[name].as<Value>();
  }
  std::string text(const std::string& name) const {
    return get<std::string>(name);
  }
  std::vector<std::string> list(const std::string& name) const;
  /// Returns the words of take_positional(); empty if there are none.
  std::vector<std::string> words(const std::string& name) const;
  /// Returns the value of a flag that was added by add_whole().
  int64_t whole(const std::string& name) const;
  /// Throws: ConfigError if the value is not a number.
  double number(const std::string& name) const;
  /// Returns a list of whole numbers, a,b,c, from `least` to 999; an empty list
  /// if the flag is not given. Throws: ConfigError naming an item that is not
  /// such a number.
  std::vector<int64_t> numbers(const std::string& name, int64_t least) const;
  /// Returns a size given as HEIGHTxWIDTH, each 1 to 65536. Throws: ConfigError
  /// if the value is something else.
  ImageSize size(const std::string& name) const;

  /// Returns true if no flag was given.
  bool is_empty() const { return result_.arguments().empty(); }
  /// Returns a list of numbers, a,b,c. Throws: ConfigError naming an item that
  /// is not a number.
  std::vector<double> reals(const std::string& name) const;
  /// Returns the device given by --device.
  /// Throws: ConfigError if LibTorch does not know the device, or the machine
  ///         does not have it.
  torch::Device device() const;

 private:
  cxxopts::Options options_;
  cxxopts::ParseResult result_;
  std::vector<std::string> groups_;
  /// Throws: ConfigError for an empty value, or a file's flag that is given
  /// twice.
  void check_values() const;

  std::vector<std::pair<std::string, WholeRange>> wholes_;
};

}  // namespace deeplab::apps
