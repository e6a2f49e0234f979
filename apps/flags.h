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

#include "apps/arguments.h"
#include "apps/run_config.h"
#include "deeplab/model/segmenter.h"

namespace deeplab::apps {

/// How much of a config a verb's flags can change, each kind more than the one
/// before: nothing, the data set, also the network, also its training.
enum class ConfigFlags { kNone, kData, kNetwork, kTraining };

/// What a whole number may be, both ends included.
struct WholeRange {
  int64_t least;
  int64_t most = std::numeric_limits<int64_t>::max();
};

/// A verb's flags: parses, answers --help, and applies --threads.
class Flags {
 public:
  /// `usage` is what follows "deeplab VERB" in the help.
  Flags(
      const std::string& verb,
      const std::string& about,
      const std::string& usage
  );

  cxxopts::OptionAdder add() { return options_.add_options(); }
  /// A flag for a whole number, which parse() refuses out of its range.
  void add_whole(
      const std::string& name,
      const std::string& about,
      WholeRange range,
      int64_t by_default
  );
  /// --config, --set, and a flag for each key that is often changed.
  void add_config(ConfigFlags kind);
  /// --device.
  void add_device();
  /// --crf: with =, a name or file; alone, "resnet101".
  void add_crf();
  /// --scales, --flip, --sizing, --window, --overlap and --crf, which set keys
  /// of `evaluate`.
  void add_inference();
  /// The words that are not flags go to `name`.
  void take_positional(const std::string& name);

  /// Returns whether the verb has work to do; false after --help, which it
  /// prints.
  /// Throws: ConfigError for a word that is no flag, or a number out of range.
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
  /// Of add_whole().
  int64_t whole(const std::string& name) const;
  /// Throws: ConfigError unless it is a number.
  double number(const std::string& name) const;
  /// Whole numbers from `least` to 999, a,b,c; none where the flag is not
  /// given. Throws: ConfigError naming the word that is none.
  std::vector<int64_t> numbers(const std::string& name, int64_t least) const;
  /// HEIGHTxWIDTH, each 1 to 65536. Throws: ConfigError.
  model::ImageSize size(const std::string& name) const;

  /// Whether no word was given at all.
  bool is_empty() const { return result_.arguments().empty(); }
  /// `base`, then --config, --network, then the single flags, then --set.
  RunConfig config(const Json& base) const;
  /// The numbers a,b,c. Throws: ConfigError naming the word that is none.
  std::vector<double> reals(const std::string& name) const;
  /// Throws: ConfigError for a device that LibTorch does not know or have.
  torch::Device device() const;

 private:
  static constexpr const char* kConfigGroup = "Config";

  cxxopts::Options options_;
  cxxopts::ParseResult result_;
  void set_inference_keys(Json& config) const;
  void check_inference_flags(const EvaluateConfig& config) const;

  ConfigFlags kind_ = ConfigFlags::kNone;
  bool has_inference_ = false;
  std::vector<std::pair<std::string, WholeRange>> wholes_;
};

}  // namespace deeplab::apps
