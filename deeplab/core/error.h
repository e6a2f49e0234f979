// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace deeplab {

/// Base class of all errors that this project reports on purpose. The message
/// is one line: subject, value, rule and, if known, the remedy.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Wrong input from the user: a flag, a config key, or a combination of them.
class ConfigError : public Error {
 public:
  using Error::Error;
};

/// A file is missing, damaged, or does not hold what it should.
class DataError : public Error {
 public:
  using Error::Error;
};

}  // namespace deeplab
