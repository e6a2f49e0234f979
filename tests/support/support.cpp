// SPDX-License-Identifier: Apache-2.0
#include "support/support.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include <sys/wait.h>

namespace deeplab::testing {

TemporaryFolder::TemporaryFolder() {
  auto pattern =
      (std::filesystem::temp_directory_path() / "deeplab_test_XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string shared_data(const std::string& name) {
  return "../shared/data/" + name;
}

void write_text(const std::string& path, const std::string& text) {
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent);
  std::ofstream(path, std::ios::binary) << text;
}

std::string read_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

Finished run_shell(const std::string& command) {
  Finished finished;
  FILE* pipe = ::popen(("(" + command + ") 2>&1").c_str(), "r");
  if (pipe == nullptr) std::abort();
  std::array<char, 4096> block{};
  for (size_t count = 0;
       (count = std::fread(block.data(), 1, block.size(), pipe)) > 0;) {
    finished.output.append(block.data(), count);
  }
  const int status = ::pclose(pipe);
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return finished;
}

const char* const kPython = "/usr/bin/python3";

bool python_has(const std::string& module) {
  const auto found = run_shell(
      std::string(kPython) +
      " -c 'import importlib.util, sys; "
      "sys.exit(importlib.util.find_spec(\"" +
      module + "\") is None)'"
  );
  return found.code == 0;
}

std::vector<float> read_floats(const std::string& path, size_t count) {
  const auto bytes = read_text(path);
  std::vector<float> values(count);
  EXPECT_EQ(bytes.size(), count * sizeof(float)) << path;
  if (bytes.size() == count * sizeof(float)) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  }
  return values;
}

int64_t free_port() {
  const auto finished = run_shell(
      std::string(kPython) +
      " -c 'import socket; s = socket.socket(); s.bind((\"\", 0)); "
      "print(s.getsockname()[1])'"
  );
  return std::stoll(finished.output);
}

}  // namespace deeplab::testing
