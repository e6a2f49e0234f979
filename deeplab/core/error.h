// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace deeplab {

/// Joins its arguments into one string, as a stream would print them. An object
/// and not a function, so that an argument of torch's does not bring c10::str
/// into the choice.
struct Join {
  template <class... Parts>
  std::string operator()(const Parts&... parts) const {
    std::ostringstream stream;
    (stream << ... << parts);
    return stream.str();
  }
};
inline constexpr Join str;

/// Base of every error that this project reports on purpose. The message is
/// one line: subject, value, rule and, where known, the remedy.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The user's words are wrong: a flag, a config key, a combination of them.
class ConfigError : public Error {
 public:
  using Error::Error;
};

/// A file is missing, damaged, or holds something else than it should.
class DataError : public Error {
 public:
  using Error::Error;
};

}  // namespace deeplab
