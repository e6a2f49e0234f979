// SPDX-License-Identifier: Apache-2.0
#include "e2e/program.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <unistd.h>

namespace deeplab {

pid_t start(const std::string& words) {
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string line = "exec " + kProgram + " " + words + " 2>/dev/null";
    ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
    ::_exit(127);
  }
  return child;
}

void wait_for_lines(const std::string& file, int64_t lines) {
  for (int i = 0; i < 3000; ++i) {
    const auto text = testing::read_text(file);
    if (std::count(text.begin(), text.end(), '\n') >= lines) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL() << file << " did not reach " << lines << " lines";
}

}  // namespace deeplab
