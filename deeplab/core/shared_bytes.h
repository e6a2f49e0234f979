// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace deeplab {

/// Bytes with shared ownership: either text or a memory-mapped file, whose
/// pages are read when they are accessed. Copies refer to the same bytes.
///
/// If another program truncates a mapped file, an access ends this program with
/// SIGBUS. If the file is replaced by a new one, as write_atomically() does,
/// the old contents remain readable.
class SharedBytes {
 public:
  explicit SharedBytes(std::string text);

  /// Maps a file into memory.
  /// Throws: DataError naming `path` and the system's reason.
  static SharedBytes map_file(const std::string& path);

  std::string_view view() const noexcept { return view_; }

  /// The bytes stay valid as long as a copy of this pointer exists.
  const std::shared_ptr<void>& owner() const noexcept { return owner_; }

  /// Returns a handle to a part of view() that shares the ownership.
  SharedBytes part(std::string_view part) const { return {owner_, part}; }

 private:
  SharedBytes(std::shared_ptr<void> owner, std::string_view view)
      : owner_(std::move(owner)), view_(view) {}

  std::shared_ptr<void> owner_;
  std::string_view view_;
};

}  // namespace deeplab
