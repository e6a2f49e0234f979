// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace deeplab::apps {

enum class KeyFormat { kText, kJson };

/// Prints every config key that is `prefix` or lies below it, e.g.
/// "train.loss": its type, default, rule, sentence and source. An empty prefix
/// prints all. Throws: ConfigError for a prefix that no key has, with the
/// nearest key.
void describe_keys(const std::string& prefix, KeyFormat format);

}  // namespace deeplab::apps
