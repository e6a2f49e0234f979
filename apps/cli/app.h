// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "apps/cli/arguments.h"

namespace deeplab::apps {

/// One verb of the program: `deeplab NAME [flags]`.
struct Verb {
  const char* name;
  const char* about;
  int (*run)(const Arguments& arguments);
  /// What to do instead where a launcher started several processes; null if the
  /// verb divides its work among them.
  const char* alone = "start it once";
};

/// Runs the verb named by the first word. An error is printed as one line on
/// stderr and determines the exit code: 2 for wrong flags or config keys
/// (ConfigError), 3 for a file (DataError, std::filesystem), 1 for anything
/// else.
int run_app(const Arguments& words, const std::vector<Verb>& verbs);

}  // namespace deeplab::apps
