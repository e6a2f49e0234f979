// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace deeplab::apps {

/// Shows the progress of a long operation on stderr: on a terminal a bar that
/// is redrawn, otherwise a plain line at intervals.
class Progress {
 public:
  /// What becomes of the bar or line when all is done.
  enum class End {
    kRemains,
    /// Nothing is left, and nothing is shown if all takes a moment only.
    kVanishes,
  };

  /// `done` of `total` steps were finished before the start.
  Progress(
      std::string title, int64_t total, int64_t done, End end = End::kRemains
  );
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// Shows the progress. `detail` follows the rate and the remaining time.
  void update(int64_t done, const std::string& detail);
  /// Prints a line of its own; the bar is drawn again below it.
  void say(const std::string& line);
  /// Clears the bar, until the next update.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::string status(int64_t done) const;
  void clear_line();

  std::string title_;
  int64_t total_;
  int64_t first_;
  End end_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point shown_{};
};

}  // namespace deeplab::apps
