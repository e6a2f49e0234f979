// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/output_stride.h"

#include <fmt/core.h>

#include "deeplab/core/error.h"

namespace deeplab {

OutputStride to_output_stride(int64_t pixels, const std::string& subject) {
  switch (pixels) {
    case 4:
    case 8:
    case 16:
    case 32:
    case 64:
    case 128:
    case 256:
      return static_cast<OutputStride>(pixels);
    default:
      throw ConfigError(fmt::format(
          "{} is {}; known: 4, 8, 16, 32, 64, 128, 256", subject, pixels
      ));
  }
}

}  // namespace deeplab
