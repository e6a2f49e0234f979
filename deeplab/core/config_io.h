// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

#include "deeplab/core/config_rule.h"

namespace deeplab {

/// JSON that keeps the order in which keys were written.
using Json = nlohmann::ordered_json;

/// Returns the full key of `key` within the object at `path`.
std::string join_keys(const std::string& path, const std::string& key);

/// Parses text strictly: comments and duplicate keys are errors.
/// Throws: ConfigError naming `subject` (a file), and line and column.
Json parse_json(const std::string& text, const std::string& subject);

/// A config is a plain struct with a member template `fields(visit)` that calls
///
///     visit("momentum", momentum, fraction(), "Momentum of SGD.");
///
/// for each field, with its key, the field, its rule if it has one, a sentence
/// that describes it, and a source if there is one (see describe_key()).
/// Reading, writing, checking and `deeplab describe --keys` each use a visitor,
/// defined below, that receives these calls.

template <class Config, class Visitor, class = void>
struct HasFields : std::false_type {};
template <class Config, class Visitor>
struct HasFields<
    Config,
    Visitor,
    std::void_t<decltype(std::declval<Config&>().fields(std::declval<Visitor&>()
    ))>> : std::true_type {};

/// Fills a config from JSON.
///
/// Unknown keys, wrong types, and fractions where a whole number belongs are
/// errors that give the full path: "train.iteration is not a known key".
class ConfigReader {
 public:
  /// `path` is the object's own full key, empty at the top.
  ConfigReader(const Json& object, std::string path);

  template <class Field, class... Description>
  void operator()(
      const char* key, Field& field, const Description&... /*description*/
  ) {
    known_.emplace_back(key);
    const auto found = object_.find(key);
    if (found == object_.end()) return;
    read(*found, join_keys(path_, key), field);
  }

  /// Throws: ConfigError if the object holds keys that no field asked for.
  void finish() const;

 private:
  using Path = std::string;
  static void read(const Json& value, const Path& path, bool& field);
  static void read(const Json& value, const Path& path, int64_t& field);
  static void read(const Json& value, const Path& path, double& field);
  static void read(const Json& value, const Path& path, std::string& field);
  template <class Config>
  static std::enable_if_t<HasFields<Config, ConfigReader>::value> read(
      const Json& value, const Path& path, Config& field
  ) {
    ConfigReader reader(value, path);
    field.fields(reader);
    reader.finish();
  }
  template <class Item>
  static void read(
      const Json& value, const Path& path, std::vector<Item>& field
  ) {
    check_array(value, path);
    field.clear();
    for (size_t i = 0; i < value.size(); ++i) {
      field.emplace_back();
      read(value[i], path + "[" + std::to_string(i) + "]", field.back());
    }
  }
  template <class Item>
  static void read(
      const Json& value, const Path& path, std::optional<Item>& field
  ) {
    if (value.is_null()) {
      field = std::nullopt;
      return;
    }
    Item item{};
    read(value, path, item);
    field = std::move(item);
  }
  static void check_array(const Json& value, const Path& path);

  const Json& object_;
  Path path_;
  std::vector<std::string> known_;
};

/// Turns a config into JSON with every field, in the order of `fields`.
class ConfigWriter {
 public:
  template <class Field, class... Description>
  void operator()(
      const char* key, Field& field, const Description&... /*description*/
  ) {
    json_[key] = to_json(field);
  }

  template <class Field>
  static Json to_json(Field& field) {
    if constexpr (std::is_constructible_v<Json, const Field&>) {
      return field;
    } else {
      return object(field);
    }
  }
  template <class Item>
  static Json to_json(std::optional<Item>& field) {
    return field ? to_json(*field) : Json(nullptr);
  }
  template <class Item>
  static Json to_json(std::vector<Item>& field) {
    Json list = Json::array();
    for (auto& item : field) list.push_back(to_json(item));
    return list;
  }
  template <class Config>
  static Json object(Config& config) {
    ConfigWriter writer;
    config.fields(writer);
    return std::move(writer.json_);
  }

 private:
  Json json_ = Json::object();
};

/// Checks every field of a config against its rule.
class ConfigChecker {
 public:
  /// `path` is the config's own full key, empty at the top.
  explicit ConfigChecker(std::string path) : path_(std::move(path)) {}

  template <class Field, class... Description>
  void operator()(
      const char* key, Field& field, const Description&... description
  ) {
    const auto described = describe_key(description...);
    check(join_keys(path_, key), field, described.rule);
  }

 private:
  template <class Field>
  static void check(const std::string& path, Field& field, const Rule& rule) {
    if constexpr (HasFields<Field, ConfigChecker>::value) {
      ConfigChecker checker(path);
      field.fields(checker);
    } else {
      rule.check(path, field);
    }
  }
  template <class Item>
  static void check(
      const std::string& path, std::optional<Item>& field, const Rule& rule
  ) {
    if (field) check(path, *field, rule);
  }
  template <class Item>
  static void check(
      const std::string& path, std::vector<Item>& field, const Rule& rule
  ) {
    rule.check_items(path, field.size());
    for (size_t i = 0; i < field.size(); ++i) {
      check(path + "[" + std::to_string(i) + "]", field[i], rule);
    }
  }

  std::string path_;
};

/// A key of a config, as `deeplab describe --keys` shows it.
struct ListedKey {
  /// The full key; "[]" follows the key of a list of objects.
  std::string path;
  /// E.g. "whole number", "list of numbers", "text or null".
  std::string type;
  Json by_default;
  KeyDescription description;
};

/// Lists every key of a config with its default.
class KeyLister {
 public:
  KeyLister(std::vector<ListedKey>& keys, std::string path)
      : keys_(keys), path_(std::move(path)) {}

  template <class Field, class... Description>
  void operator()(
      const char* key, Field& field, const Description&... description
  ) {
    const auto path = join_keys(path_, key);
    const auto described = describe_key(description...);
    keys_.push_back(
        {path, type_name(field), ConfigWriter::to_json(field), described}
    );
    list(path, field);
  }

 private:
  static std::string type_name(bool /*field*/) { return "true or false"; }
  static std::string type_name(int64_t /*field*/) { return "whole number"; }
  static std::string type_name(double /*field*/) { return "number"; }
  static std::string type_name(const std::string& /*field*/) { return "text"; }
  template <class Item>
  static std::string type_name(const std::optional<Item>& /*field*/) {
    return type_name(Item{}) + " or null";
  }
  template <class Item>
  static std::string type_name(const std::vector<Item>& /*field*/) {
    return "list of " + type_name(Item{});
  }
  template <class Config>
  static std::enable_if_t<HasFields<Config, KeyLister>::value, std::string>
  type_name(const Config& /*field*/) {
    return "object";
  }

  template <class Field>
  void list(const std::string& path, Field& field) {
    if constexpr (HasFields<Field, KeyLister>::value) {
      KeyLister lister(keys_, path);
      field.fields(lister);
    }
  }
  template <class Item>
  void list(const std::string& path, std::optional<Item>& /*field*/) {
    Item item{};
    list(path, item);
  }
  template <class Item>
  void list(const std::string& path, std::vector<Item>& /*field*/) {
    Item item{};
    list(path + "[]", item);
  }

  std::vector<ListedKey>& keys_;
  std::string path_;
};

/// Reads a whole config; fields that are missing in `object` keep their
/// defaults.
template <class Config>
Config read_config(const Json& object, const std::string& path) {
  Config config;
  ConfigReader reader(object, path);
  config.fields(reader);
  reader.finish();
  return config;
}

template <class Config>
Json write_config(Config config) {
  return ConfigWriter::object(config);
}

/// Checks each field against its own rule; rules that span several keys are
/// functions beside the struct. `path` is the config's own full key.
/// Throws: ConfigError naming the first key that breaks its rule.
template <class Config>
void check_config(Config config, const std::string& path) {
  ConfigChecker checker(path);
  config.fields(checker);
}

/// Returns every key of a config and of the configs in it.
template <class Config>
std::vector<ListedKey> list_keys() {
  std::vector<ListedKey> keys;
  Config config;
  KeyLister lister(keys, "");
  config.fields(lister);
  return keys;
}

}  // namespace deeplab
