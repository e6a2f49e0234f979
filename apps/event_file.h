// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace deeplab::apps {

/// A PNG of 8-bit RGB, and its size in pixels.
struct PngImage {
  std::string bytes;
  int32_t width;
  int32_t height;
};

/// A run's log for TensorBoard, which reads each events.out.tfevents.* of a
/// folder in the order of their names, and a file while it is written.
///
/// Throws: DataError naming the file, from every call, where it cannot be
///         written.
class EventFile {
 public:
  /// Makes `folder` and a new file in it. With `first_step` > 0, TensorBoard
  /// drops what earlier files hold of that step and later ones: an interrupted
  /// run does them again.
  EventFile(const std::string& folder, int64_t first_step);
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;
  /// Writes what is left; a failure passes unseen, so flush() first.
  ~EventFile();

  const std::string& path() const;

  /// A number that is not finite is written as it is.
  void scalar(const std::string& tag, int64_t step, double value);
  void image(const std::string& tag, int64_t step, const PngImage& image);
  /// How often which values occur, in buckets that are 10 % wide. Values that
  /// are not finite are left out.
  void histogram(
      const std::string& tag, int64_t step, const std::vector<double>& values
  );
  void flush();

 private:
  class Records;
  std::unique_ptr<Records> records_;
};

}  // namespace deeplab::apps
