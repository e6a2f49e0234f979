// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <ostream>
#include <string>

namespace deeplab {

/// Writes a file completely or not at all. `write` fills a temporary file in
/// the same folder, which is then synced to disk and renamed to `path`. If the
/// process is killed or the disk is full, the old file stays unchanged. Missing
/// folders are created, a symbolic link is followed, and anything that is not a
/// regular file (/dev/stdout) is written directly.
/// Throws: DataError naming `path` and the system's reason; whatever `write`
///         throws. The temporary file is removed in both cases.
void write_atomically(
    const std::string& path, const std::function<void(std::ostream&)>& write
);

/// Writes a text like write_atomically().
void write_file(const std::string& path, const std::string& text);

/// Returns the contents of a file.
/// Throws: DataError naming `path` and the system's reason.
std::string read_file(const std::string& path);

}  // namespace deeplab
