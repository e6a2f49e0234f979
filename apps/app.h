// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "apps/arguments.h"

namespace deeplab::apps {

/// One thing that the program does: `deeplab NAME [flags]`.
struct Verb {
  const char* name;
  const char* about;
  int (*run)(const Arguments& arguments);
};

/// Runs the verb that the first word names. An error ends as one line on
/// stderr and the exit code: 2 for the user's words (ConfigError), 3 for a
/// file (DataError, std::filesystem), 1 for anything else.
int run_app(const Arguments& words, const std::vector<Verb>& verbs);

}  // namespace deeplab::apps
