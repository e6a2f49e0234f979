// SPDX-License-Identifier: Apache-2.0
// Every config key is described, and the descriptions are true.
#include <cctype>
#include <functional>
#include <set>

#include "apps/config/run_config.h"
#include "support/support.h"

namespace deeplab::apps {
namespace {

/// A config in which every list and optional object has an item.
RunConfig full_config() {
  RunConfig config;
  config.train.loss.emplace_back();
  config.train.groups.emplace_back();
  config.train.teacher.emplace();
  config.evaluate.crf.emplace();
  return config;
}

/// The full keys of JSON, "[]" for every item of a list of objects.
std::set<std::string> keys_of(const Json& json) {
  std::set<std::string> keys;
  const std::function<void(const Json&, const std::string&)> add =
      [&](const Json& value, const std::string& path) {
        if (value.is_object()) {
          for (const auto& item : value.items()) {
            const auto key = join_keys(path, item.key());
            keys.insert(key);
            add(item.value(), key);
          }
        }
        if (value.is_array()) {
          for (const auto& item : value) {
            if (item.is_object()) add(item, path + "[]");
          }
        }
      };
  add(json, "");
  return keys;
}

TEST(ConfigKeys, AreExactlyThoseThatAConfigIsWrittenWith) {
  std::set<std::string> listed;
  for (const auto& key : list_keys<RunConfig>()) listed.insert(key.path);
  EXPECT_GT(listed.size(), 130U);
  EXPECT_EQ(listed, keys_of(write_config(full_config())));
}

TEST(ConfigKeys, HaveTheDefaultsThatAConfigIsWrittenWith) {
  const auto flat = write_config(RunConfig());
  for (const auto& key : list_keys<RunConfig>()) {
    auto pointer = "/" + key.path;
    if (pointer.find("[]") != std::string::npos) continue;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    const Json::json_pointer where(pointer);
    // Optional objects are null by default, and their keys absent.
    if (flat.contains(where)) {
      EXPECT_EQ(flat.at(where), key.by_default) << pointer;
    }
  }
}

TEST(ConfigKeys, HaveASentenceEach) {
  for (const auto& key : list_keys<RunConfig>()) {
    const auto& sentence = key.description.sentence;
    ASSERT_GT(sentence.size(), 8U) << key.path;
    EXPECT_EQ(sentence.back(), '.') << key.path;
  }
}

TEST(ConfigKeys, HaveDefaultsThatObeyTheirRules) {
  EXPECT_NO_THROW(check_config(full_config(), ""));
}

}  // namespace
}  // namespace deeplab::apps
