// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

namespace deeplab {

/// JSON that keeps the order in which keys were written.
using Json = nlohmann::ordered_json;

/// Parses text strictly: no comments, no doubled keys.
/// Throws: ConfigError naming `subject` (a file), and line and column.
Json parse_json(const std::string& text, const std::string& subject);

/// Fills a config from JSON. A config is a plain struct with a member template
/// `fields(visitor)` that calls `visitor("key", member)` for each field: the
/// one place that knows the keys, for reading as for writing.
///
/// Unknown keys, wrong types, and fractions where a whole number belongs are
/// errors that give the full path: "train.iteration is not a known key".
class ConfigReader {
 public:
  /// `path` is the object's own full key, empty at the top.
  ConfigReader(const Json& object, std::string path);

  template <class Field>
  void operator()(const char* key, Field& field) {
    known_.emplace_back(key);
    const auto found = object_.find(key);
    if (found == object_.end()) return;
    read(*found, path_of(key), field);
  }

  /// Throws: ConfigError if the object holds keys that no field asked for.
  void finish() const;

 private:
  template <class Field, class = void>
  struct is_config : std::false_type {};
  template <class Field>
  struct is_config<
      Field,
      std::void_t<decltype(std::declval<Field&>()
                               .fields(std::declval<ConfigReader&>()))>>
      : std::true_type {};

  using Path = std::string;
  static void read(const Json& value, const Path& path, bool& field);
  static void read(const Json& value, const Path& path, int64_t& field);
  static void read(const Json& value, const Path& path, double& field);
  static void read(const Json& value, const Path& path, std::string& field);
  template <class Config>
  static std::enable_if_t<is_config<Config>::value> read(
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

  Path path_of(const std::string& key) const;

  const Json& object_;
  Path path_;
  std::vector<std::string> known_;
};

/// Turns a config into JSON with every field, in the order of `fields`.
class ConfigWriter {
 public:
  template <class Field>
  void operator()(const char* key, Field& field) {
    json_[key] = to_json(field);
  }

  template <class Field>
  static Json to_json(Field& field) {
    if constexpr (std::is_arithmetic_v<Field>) {
      return field;
    } else if constexpr (std::is_constructible_v<Json, const Field&>) {
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

/// Reads a whole config; fields that `object` leaves out keep their defaults.
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

}  // namespace deeplab
