// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace deeplab::data {

/// Reads a text file that any program wrote and returns it as UTF-8 without a
/// byte order mark. UTF-16 is recognized by its byte order mark; bytes without
/// a mark are returned unchanged.
/// Throws: DataError whose message begins with `path`.
std::string read_text_file(const std::string& path);

/// Does the same for the contents of a file; error messages begin with `name`.
std::string decode_text(const std::string& bytes, const std::string& name);

/// Returns the text with ASCII's capital letters replaced by small ones.
std::string lower_case(std::string text);

/// Returns the text without white space at its ends.
std::string trimmed(const std::string& text);

}  // namespace deeplab::data
