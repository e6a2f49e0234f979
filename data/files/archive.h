// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

namespace deeplab::data {

/// Visits the files of an archive (.tar, .tar.gz, .tgz, .zip, ...) or of a
/// folder and passes the contents of those that are `wanted` to `use`. Names
/// are relative paths with forward slashes; clutter (see listing.h) is left
/// out. Nothing is unpacked to disk. Throws: DataError whose message begins
/// with `path`, also for a damaged or
///         truncated archive; and whatever `use` throws.
void read_files(
    const std::string& path,
    const std::function<bool(const std::string& name)>& wanted,
    const std::function<
        void(const std::string& name, const std::string& bytes)>& use
);

/// Writes files one after another as a POSIX tar (ustar). The same files always
/// give the same bytes.
class TarWriter {
 public:
  /// Keeps a reference to `stream`, which must outlive this object.
  explicit TarWriter(std::ostream& stream);
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;
  ~TarWriter();

  /// Appends a file and returns the offset of its first byte in the tar.
  /// Throws: DataError for a name that ustar cannot hold.
  int64_t add(const std::string& name, const std::string& bytes);
  /// Writes the end-of-archive marker.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace deeplab::data
