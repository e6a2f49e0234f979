// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "apps/arguments.h"
#include "apps/flags.h"

namespace deeplab::apps {

/// The verbs behind `deeplab data`; as those of verbs.h.
int data_check(const Arguments& arguments);
int data_pack(const Arguments& arguments);
int data_prepare(const Arguments& arguments);
int data_synthesize(const Arguments& arguments);

/// The folder of --out.
/// Throws: ConfigError where it is not given, or holds anything.
std::string new_folder(const Flags& flags);

}  // namespace deeplab::apps
