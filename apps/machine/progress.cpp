// SPDX-License-Identifier: Apache-2.0
#include "apps/machine/progress.h"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <sstream>

#include <unistd.h>

namespace deeplab::apps {
namespace {

constexpr std::chrono::milliseconds kBetweenDrawings{200};
constexpr std::chrono::seconds kBetweenLines{10};
constexpr int64_t kBarWidth = 20;

std::string clock_text(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  std::ostringstream text;
  text << std::setfill('0') << whole / 3600 << ':' << std::setw(2)
       << whole / 60 % 60 << ':' << std::setw(2) << whole % 60;
  return text.str();
}

}  // namespace

Progress::Progress(std::string title, int64_t total, int64_t done, End end)
    : title_(std::move(title)),
      total_(total),
      first_(done),
      end_(end),
      terminal_(::isatty(STDERR_FILENO) != 0) {
  if (end == End::kVanishes) shown_ = start_;
}

Progress::~Progress() {
  if (end_ == End::kVanishes) {
    clear_line();
  } else if (drawn_) {
    std::cerr << '\n';
  }
}

void Progress::update(int64_t done, const std::string& detail) {
  const auto now = Clock::now();
  const auto pause = terminal_ ? Clock::duration(kBetweenDrawings)
                               : Clock::duration(kBetweenLines);
  const bool is_last = done == total_ && end_ == End::kRemains;
  if (!is_last && now - shown_ < pause) return;
  shown_ = now;
  const auto line = status(done) + (detail.empty() ? "" : "  " + detail);
  if (!terminal_) {
    std::cerr << line << '\n';
    return;
  }
  clear_line();
  std::cerr << line << std::flush;
  drawn_ = !is_last;
  if (is_last) std::cerr << '\n';
}

void Progress::clear() {
  clear_line();
  drawn_ = false;
}

void Progress::say(const std::string& line) {
  clear();
  std::cerr << line << '\n';
}

std::string Progress::status(int64_t done) const {
  const double seconds =
      std::chrono::duration<double>(Clock::now() - start_).count();
  const double rate =
      static_cast<double>(done - first_) / std::max(seconds, 1e-9);
  std::ostringstream text;
  text << title_ << ' ';
  if (terminal_) {
    const auto filled = static_cast<size_t>(kBarWidth * done / total_);
    text << '[' << std::string(filled, '#')
         << std::string(static_cast<size_t>(kBarWidth) - filled, '.') << "] ";
  }
  text << done << '/' << total_ << std::fixed << std::setprecision(2) << "  "
       << rate << "/s";
  if (rate > 0) {
    text << "  ETA " << clock_text(static_cast<double>(total_ - done) / rate);
  }
  return text.str();
}

void Progress::clear_line() {
  if (drawn_) std::cerr << "\r\x1b[K";
}

}  // namespace deeplab::apps
