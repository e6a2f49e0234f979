// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace deeplab::testing {

/// A folder that lasts as long as this.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  std::string operator/(const std::string& name) const {
    return (path_ / name).string();
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// The place of sample files that other projects own and that are therefore not
/// in this repository.
std::string shared_data(const std::string& name);

void write_text(const std::string& path, const std::string& text);
std::string read_text(const std::string& path);

/// The message of the exception that `function` throws; fails without one.
template <class Exception>
std::string message_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const Exception& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

/// What a program printed, both streams, and how it ended.
struct Finished {
  int code = 0;
  std::string output;
};

/// Runs a command line of the shell.
Finished run_shell(const std::string& command);

/// A port that nothing listens at.
int64_t free_port();

/// Debian's interpreter, whose packages tests compare with.
extern const char* const kPython;

/// Whether that Python has a module.
bool python_has(const std::string& module);

/// The plain float32 numbers of a file; fails the test where it has another
/// number of them.
std::vector<float> read_floats(const std::string& path, size_t count);

}  // namespace deeplab::testing

/// Skips the test, saying what it misses, without the shared data of that name.
#define SKIP_WITHOUT_SHARED(name, what)                                       \
  if (!std::filesystem::exists(::deeplab::testing::shared_data(name)))        \
  GTEST_SKIP() << "no " << ::deeplab::testing::shared_data(name) << ": " what \
               << ", which are not part of this repository"
