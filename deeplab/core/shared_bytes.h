// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace deeplab {

/// Bytes with shared ownership: a file mapped into memory, whose pages are read
/// when they are looked at, or text. A copy is another handle to the same
/// bytes.
///
/// A mapped file that another program cuts short while it is in use ends this
/// program (SIGBUS); one that is replaced by a new file, as write_atomically()
/// does, is read on undisturbed.
class SharedBytes {
 public:
  explicit SharedBytes(std::string text);

  /// Throws: DataError naming `path` and the system's reason.
  static SharedBytes map_file(const std::string& path);

  std::string_view view() const noexcept { return view_; }

  /// Keeps the bytes where they are while it lives.
  const std::shared_ptr<void>& owner() const noexcept { return owner_; }

  /// A handle to a part of view().
  SharedBytes part(std::string_view part) const { return {owner_, part}; }

 private:
  SharedBytes(std::shared_ptr<void> owner, std::string_view view)
      : owner_(std::move(owner)), view_(view) {}

  std::shared_ptr<void> owner_;
  std::string_view view_;
};

}  // namespace deeplab
