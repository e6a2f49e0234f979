// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace deeplab::apps {

/// Tells a person how far a long work is, on stderr: a bar that is redrawn on
/// a terminal, a plain line now and then elsewhere.
class Progress {
 public:
  /// `done` of `total` steps were there before.
  Progress(std::string title, int64_t total, int64_t done);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// `detail` is shown behind the rate and the time to go.
  void update(int64_t done, const std::string& detail);
  /// A line of its own, between two drawings of the bar.
  void say(const std::string& line);

 private:
  using Clock = std::chrono::steady_clock;
  std::string status(int64_t done) const;
  void clear_line();

  std::string title_;
  int64_t total_;
  int64_t first_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point shown_{};
};

}  // namespace deeplab::apps
