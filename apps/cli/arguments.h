// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace deeplab::apps {

/// The words of a command line that follow the program or the verb.
using Arguments = std::vector<std::string>;

}  // namespace deeplab::apps
