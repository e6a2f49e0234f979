// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/zip_archive.h"

#include <cstdint>
#include <cstring>

#include <fmt/core.h>

#include "deeplab/core/error.h"

namespace deeplab::weights {
namespace {

// Signatures and offsets are those of PKWARE's APPNOTE.TXT, sections 4.3.7 to
// 4.3.16.
constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kDirectoryEntry = 0x02014b50;
constexpr uint32_t kEndRecord = 0x06054b50;
constexpr uint32_t kEndRecord64 = 0x06064b50;
constexpr size_t kLocalHeaderBytes = 30;
constexpr size_t kDirectoryEntryBytes = 46;
constexpr size_t kEndRecordBytes = 22;
constexpr size_t kEndLocatorBytes = 20;
constexpr size_t kLongestComment = 65535;
constexpr uint32_t kIn64 = 0xffffffff;
constexpr uint16_t kExtra64 = 1;

}  // namespace

bool looks_like_zip(std::string_view bytes) {
  return bytes.substr(0, 4) == std::string_view("PK\x03\x04", 4);
}

ZipArchive::ZipArchive(std::string_view bytes) : bytes_(bytes) {
  try {
    read_directory(find_end_record());
  } catch (const DataError& error) {
    throw DataError(fmt::format("damaged zip archive: {}", error.what()));
  }
}

const std::string_view* ZipArchive::find(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

template <class Number>
Number ZipArchive::read(size_t offset) const {
  Number number{};
  std::memcpy(&number, slice(offset, sizeof(number)).data(), sizeof(number));
  return number;
}

std::string_view ZipArchive::slice(size_t offset, size_t length) const {
  if (offset > bytes_.size() || length > bytes_.size() - offset) {
    throw DataError(fmt::format(
        "{} bytes at offset {} are beyond its end at {} (truncated?)", length,
        offset, bytes_.size()
    ));
  }
  return bytes_.substr(offset, length);
}

size_t ZipArchive::find_end_record() const {
  const size_t size = bytes_.size();
  for (size_t back = kEndRecordBytes;
       back <= size && back <= kEndRecordBytes + kLongestComment; ++back) {
    if (read<uint32_t>(size - back) == kEndRecord) return size - back;
  }
  throw DataError("it has no directory at its end (truncated?)");
}

void ZipArchive::read_directory(size_t end_record) {
  uint64_t count = read<uint16_t>(end_record + 10);
  uint64_t offset = read<uint32_t>(end_record + 16);
  if (offset == kIn64 || count == 0xffff) {
    if (end_record < kEndLocatorBytes)
      throw DataError("the zip64 locator is missing");
    const auto record = read<uint64_t>(end_record - kEndLocatorBytes + 8);
    if (read<uint32_t>(record) != kEndRecord64) {
      throw DataError("the zip64 directory is missing");
    }
    count = read<uint64_t>(record + 32);
    offset = read<uint64_t>(record + 48);
  }
  for (uint64_t i = 0; i < count; ++i) offset = read_entry(offset);
}

size_t ZipArchive::read_entry(size_t offset) {
  if (read<uint32_t>(offset) != kDirectoryEntry) {
    throw DataError(
        fmt::format("the directory entry at offset {} is missing", offset)
    );
  }
  const auto method = read<uint16_t>(offset + 10);
  uint64_t length = read<uint32_t>(offset + 24);
  const auto name_length = read<uint16_t>(offset + 28);
  const auto extra_length = read<uint16_t>(offset + 30);
  const auto comment_length = read<uint16_t>(offset + 32);
  uint64_t local = read<uint32_t>(offset + 42);
  const std::string name(slice(offset + kDirectoryEntryBytes, name_length));
  const size_t extra = offset + kDirectoryEntryBytes + name_length;
  for (size_t at = extra; at + 4 <= extra + extra_length;) {
    size_t field = at + 4;
    if (read<uint16_t>(at) == kExtra64) {
      if (length == kIn64) {
        length = read<uint64_t>(field);
        field += 8;
        if (read<uint32_t>(offset + 20) == kIn64) field += 8;
      }
      if (local == kIn64) local = read<uint64_t>(field);
    }
    at += 4U + read<uint16_t>(at + 2);
  }
  const size_t next = extra + extra_length + comment_length;
  if (method != 0) return next;
  if (read<uint32_t>(local) != kLocalHeader) {
    throw DataError(fmt::format("entry {} has no header at {}", name, local));
  }
  const size_t data = local + kLocalHeaderBytes + read<uint16_t>(local + 26) +
                      read<uint16_t>(local + 28);
  // Entries that overlap could add up to far more bytes than the file has.
  entries_bytes_ += slice(data, length).size();
  if (entries_bytes_ > bytes_.size())
    throw DataError("its entries overlap (damaged?)");
  const auto top = name.find('/');
  entries_[top == std::string::npos ? name : name.substr(top + 1)] =
      slice(data, length);
  return next;
}

}  // namespace deeplab::weights
