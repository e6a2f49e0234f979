// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace deeplab::testing {

/// A temporary folder that is removed at the end of this object's lifetime.
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

/// Returns the path of sample files that belong to other projects and are
/// therefore not in this repository.
std::string shared_data(const std::string& name);

void write_text(const std::string& path, const std::string& text);
std::string read_text(const std::string& path);

/// Returns the message of the exception that `function` throws. Fails the test
/// if it throws none.
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

/// The output of a program (stdout and stderr together) and its exit code.
struct Finished {
  int code = 0;
  std::string output;
};

/// Runs a command line in the shell.
Finished run_shell(const std::string& command);

/// Returns a port on which no process listens.
int64_t free_port();

/// Debian's Python interpreter, whose packages serve as references.
extern const char* const kPython;

/// Returns whether this Python has a module.
bool python_has(const std::string& module);

/// Returns the plain float32 numbers of a file. Fails the test if their number
/// is not `count`.
std::vector<float> read_floats(const std::string& path, size_t count);

}  // namespace deeplab::testing

/// Skips the test if the shared data of that name is missing, and says what is
/// missing.
#define SKIP_WITHOUT_SHARED(name, what)                                       \
  if (!std::filesystem::exists(::deeplab::testing::shared_data(name)))        \
  GTEST_SKIP() << "no " << ::deeplab::testing::shared_data(name) << ": " what \
               << ", which are not part of this repository"
