// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace deeplab::weights {

/// The stored (not compressed) entries of a zip file, as torch.save and
/// TorchScript write them. This is a view of bytes that the caller keeps alive.
/// Every length and offset is checked against the length of the bytes, and
/// nothing is ever decompressed.
class ZipArchive {
 public:
  /// Throws: DataError if the archive is damaged.
  explicit ZipArchive(std::string_view bytes);

  /// Returns the entry whose name, without the archive's top folder, is `name`;
  /// nullptr if there is none, or only a compressed one (TorchScript's code).
  const std::string_view* find(const std::string& name) const;

 private:
  void read_directory(size_t end_record);
  size_t read_entry(size_t offset);
  size_t find_end_record() const;
  template <class Number>
  Number read(size_t offset) const;
  std::string_view slice(size_t offset, size_t length) const;

  std::string_view bytes_;
  std::map<std::string, std::string_view> entries_;
  size_t entries_bytes_ = 0;
};

/// Returns true if the bytes begin like a zip file.
bool looks_like_zip(std::string_view bytes);

}  // namespace deeplab::weights
