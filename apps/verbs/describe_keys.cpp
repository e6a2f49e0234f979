// SPDX-License-Identifier: Apache-2.0
#include "apps/verbs/describe_keys.h"

#include <iostream>

#include <fmt/core.h>

#include "apps/config/run_config.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab::apps {
namespace {

bool is_below(const std::string& path, const std::string& prefix) {
  if (prefix.empty() || path == prefix) return true;
  if (path.compare(0, prefix.size(), prefix) != 0) return false;
  const char next = path[prefix.size()];
  return next == '.' || next == '[';
}

std::vector<ListedKey> keys_below(const std::string& prefix) {
  std::vector<ListedKey> keys;
  std::vector<std::string> all;
  for (auto& key : list_keys<RunConfig>()) {
    all.push_back(key.path);
    if (is_below(key.path, prefix)) keys.push_back(std::move(key));
  }
  if (!keys.empty()) return keys;
  throw ConfigError(
      fmt::format("{} is not a config key{}", prefix, suggest_name(prefix, all))
  );
}

Json to_json(const ListedKey& key) {
  return {
      {"key", key.path},
      {"type", key.type},
      {"default", key.by_default},
      {"rule", key.description.rule.text()},
      {"sentence", key.description.sentence},
      {"source", key.description.source}};
}

/// The first line of a key: its path, type, default and rule.
std::string headline(const ListedKey& key) {
  auto line = fmt::format("{}: {}", key.path, key.type);
  if (!key.by_default.is_object()) {
    line += fmt::format(", default {}", key.by_default.dump());
  }
  const auto rule = key.description.rule.text();
  return rule.empty() ? line : fmt::format("{}, allowed: {}", line, rule);
}

}  // namespace

void describe_keys(const std::string& prefix, KeyFormat format) {
  const auto keys = keys_below(prefix);
  if (format == KeyFormat::kJson) {
    Json list = Json::array();
    for (const auto& key : keys) list.push_back(to_json(key));
    std::cout << list.dump(2) << '\n';
    return;
  }
  for (const auto& key : keys) {
    std::cout << headline(key) << "\n    " << key.description.sentence << '\n';
    if (key.description.source.empty()) continue;
    std::cout << "    Source: " << key.description.source << ".\n";
  }
}

}  // namespace deeplab::apps
