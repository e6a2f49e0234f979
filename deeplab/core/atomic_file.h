// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <ostream>
#include <string>

namespace deeplab {

/// Writes a file all or not at all: `write` fills a temporary file beside
/// `path`, which is synced to disk and renamed over `path`. A killed run or a
/// full disk leaves the old file as it was. A link is followed; what is no
/// plain file (/dev/stdout) is written straight into.
/// Throws: DataError naming `path` and the system's reason; whatever `write`
/// throws. The temporary file is removed in both cases.
void write_atomically(
    const std::string& path, const std::function<void(std::ostream&)>& write
);

/// The same, for text that is there already.
void write_file(const std::string& path, const std::string& text);

/// The whole file as bytes.
/// Throws: DataError naming `path` and the system's reason.
std::string read_file(const std::string& path);

}  // namespace deeplab
