// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

namespace deeplab::data {

/// Goes through the files of an archive (.tar, .tar.gz, .tgz, .zip, ...) or a
/// folder, and gives the bytes of those that are wanted. Names are relative,
/// with forward slashes; nothing is unpacked.
/// Throws: DataError that begins with `path`, also for a damaged or truncated
///         archive; what `use` throws.
void read_files(
    const std::string& path,
    const std::function<bool(const std::string& name)>& wanted,
    const std::function<
        void(const std::string& name, const std::string& bytes)>& use
);

/// Writes files one behind the other as a POSIX tar (ustar), the same bytes for
/// the same files.
class TarWriter {
 public:
  /// `stream` must outlive it.
  explicit TarWriter(std::ostream& stream);
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;
  ~TarWriter();

  /// Returns where in the tar the file's first byte lies.
  /// Throws: DataError for a name that ustar cannot hold.
  int64_t add(const std::string& name, const std::string& bytes);
  /// Writes the tar's end.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace deeplab::data
