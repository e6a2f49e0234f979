// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "apps/cli/arguments.h"
#include "apps/cli/flags.h"

namespace deeplab::apps {

/// The verbs of `deeplab data`. Their contract is that of verbs.h.
int data_check(const Arguments& arguments);
int data_pack(const Arguments& arguments);
int data_prepare(const Arguments& arguments);
int data_synthesize(const Arguments& arguments);

/// Returns the folder given by --out.
/// Throws: ConfigError if --out is not given, or its folder is not empty.
std::string new_folder(const Flags& flags);

}  // namespace deeplab::apps
