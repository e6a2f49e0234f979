// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace deeplab::apps {

/// An encoded PNG with 8-bit RGB, and its size in pixels.
struct PngImage {
  std::string bytes;
  int32_t width;
  int32_t height;
};

/// A run's log for TensorBoard. TensorBoard reads every events.out.tfevents.*
/// file of a folder in the order of their names, and can read a file while it
/// is being written.
///
/// Throws: DataError naming the file, from every call, if the file cannot be
///         written.
class EventFile {
 public:
  /// Creates `folder` and a new file in it. If `first_step` is above 0,
  /// TensorBoard ignores the events of earlier files from that step on, because
  /// a resumed run repeats these steps.
  EventFile(const std::string& folder, int64_t first_step);
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;
  /// Writes buffered events. Errors are ignored here, so call flush() first.
  ~EventFile();

  const std::string& path() const;

  /// Writes a number, which need not be finite.
  void scalar(const std::string& tag, int64_t step, double value);
  void image(const std::string& tag, int64_t step, const PngImage& image);
  /// Writes a histogram of the values, with buckets that are each 10 % wider
  /// than the one before. Values that are not finite are left out.
  void histogram(
      const std::string& tag, int64_t step, const std::vector<double>& values
  );
  void flush();

 private:
  class Records;
  std::unique_ptr<Records> records_;
};

}  // namespace deeplab::apps
