// SPDX-License-Identifier: Apache-2.0
#include "data/files/text_file.h"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include <fmt/core.h>

#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

bool begins_with(const std::string& bytes, const std::string& start) {
  return bytes.compare(0, start.size(), start) == 0;
}

void append_utf8(std::string& text, uint32_t point) {
  const auto append = [&](uint32_t byte) { text += static_cast<char>(byte); };
  const auto append_rest = [&](uint32_t shift) {
    append(0x80U | ((point >> shift) & 0x3FU));
  };
  if (point < 0x80U) return append(point);
  if (point < 0x800U) {
    append(0xC0U | (point >> 6U));
  } else if (point < 0x10000U) {
    append(0xE0U | (point >> 12U));
    append_rest(6);
  } else {
    append(0xF0U | (point >> 18U));
    append_rest(12);
    append_rest(6);
  }
  append_rest(0);
}

/// Source: The Unicode Standard, section 3.9, UTF-16.
std::string from_utf16(
    const std::string& bytes, bool big_endian, const std::string& name
) {
  const auto fail = [&] {
    throw DataError(fmt::format("{}: is damaged UTF-16; save it as UTF-8", name)
    );
  };
  if (bytes.size() % 2 != 0) fail();
  const auto unit = [&](size_t at) {
    const auto first = static_cast<uint8_t>(bytes[at]);
    const auto second = static_cast<uint8_t>(bytes[at + 1]);
    return big_endian ? first * 256U + second : second * 256U + first;
  };
  std::string text;
  for (size_t at = 2; at < bytes.size(); at += 2) {
    uint32_t point = unit(at);
    if (point >= 0xD800U && point < 0xE000U) {
      at += 2;
      const uint32_t low = at < bytes.size() ? unit(at) : 0;
      if (point >= 0xDC00U || low < 0xDC00U || low >= 0xE000U) fail();
      point = 0x10000U + ((point - 0xD800U) << 10U) + (low - 0xDC00U);
    }
    append_utf8(text, point);
  }
  return text;
}

}  // namespace

std::string decode_text(const std::string& bytes, const std::string& name) {
  if (begins_with(bytes, "\xef\xbb\xbf")) return bytes.substr(3);
  if (begins_with(bytes, "\xff\xfe")) return from_utf16(bytes, false, name);
  if (begins_with(bytes, "\xfe\xff")) return from_utf16(bytes, true, name);
  return bytes;
}

std::string read_text_file(const std::string& path) {
  return decode_text(read_file(path), path);
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return text;
}

std::string trimmed(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

}  // namespace deeplab::data
