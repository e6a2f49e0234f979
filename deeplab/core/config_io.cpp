// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/config_io.h"

#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab {
namespace {

ConfigError wrong_type(
    const Json& value, const std::string& path, const char* rule
) {
  return ConfigError(
      fmt::format("{} is {}; expected {}", path, value.dump(), rule)
  );
}

/// Finds duplicate keys, of which nlohmann::json silently keeps the last one,
/// and refuses values that are nested so deeply that reading them would exhaust
/// the stack.
class Checks {
 public:
  explicit Checks(const std::string& subject) : subject_(subject) {}

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    constexpr int kDeepest = 100;
    if (depth > kDeepest) {
      throw ConfigError(fmt::format(
          "{}: lists or objects are nested more than {} deep; must be at most that",
          subject_, kDeepest
      ));
    }
    if (event == Json::parse_event_t::object_start) seen_.emplace_back();
    if (event == Json::parse_event_t::object_end) seen_.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto key = parsed.get<std::string>();
      if (!seen_.back().insert(key).second) doubled_ = key;
    }
    return true;
  }
  const std::string& doubled() const { return doubled_; }

 private:
  const std::string& subject_;
  std::vector<std::set<std::string>> seen_;
  std::string doubled_;
};

}  // namespace

std::string join_keys(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

Json parse_json(const std::string& text, const std::string& subject) {
  Checks keys(subject);
  Json parsed;
  try {
    parsed = Json::parse(text, std::ref(keys));
  } catch (const Json::parse_error& error) {
    const auto end =
        text.begin() +
        static_cast<std::ptrdiff_t>(std::min(error.byte, text.size()));
    const auto line = 1 + std::count(text.begin(), end, '\n');
    throw ConfigError(fmt::format(
        "{}: not valid JSON near line {}: {}", subject, line, error.what()
    ));
  }
  if (!keys.doubled().empty()) {
    throw ConfigError(fmt::format(
        "{}: duplicate key {}; remove one of them", subject, keys.doubled()
    ));
  }
  return parsed;
}

ConfigReader::ConfigReader(const Json& object, std::string path)
    : object_(object), path_(std::move(path)) {
  if (!object.is_object()) {
    throw wrong_type(object, path_.empty() ? "config" : path_, "an object");
  }
}

void ConfigReader::finish() const {
  for (const auto& item : object_.items()) {
    const auto& key = item.key();
    if (std::count(known_.begin(), known_.end(), key) > 0) continue;
    throw ConfigError(fmt::format(
        "{} is not a known key{}; known: {}", join_keys(path_, key),
        suggest_name(key, known_), list_names(known_)
    ));
  }
}

void ConfigReader::read(const Json& value, const Path& path, bool& field) {
  if (!value.is_boolean()) throw wrong_type(value, path, "true or false");
  field = value.get<bool>();
}

void ConfigReader::read(const Json& value, const Path& path, int64_t& field) {
  const bool too_large =
      value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX};
  if (!value.is_number_integer() || too_large) {
    throw wrong_type(value, path, "a whole number");
  }
  field = value.get<int64_t>();
}

void ConfigReader::read(const Json& value, const Path& path, double& field) {
  if (!value.is_number()) throw wrong_type(value, path, "a number");
  field = value.get<double>();
}

void ConfigReader::read(
    const Json& value, const Path& path, std::string& field
) {
  if (!value.is_string()) throw wrong_type(value, path, "a string");
  field = value.get<std::string>();
}

void ConfigReader::check_array(const Json& value, const Path& path) {
  if (!value.is_array()) throw wrong_type(value, path, "a list");
}

}  // namespace deeplab
