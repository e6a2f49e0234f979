// SPDX-License-Identifier: Apache-2.0
#include "apps/run/event_file.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <limits>
#include <sstream>

#include <boost/crc.hpp>
#include <fmt/core.h>
#include <unistd.h>

#include "deeplab/core/error.h"
#include "tensorboard_event.pb.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

constexpr int32_t kRgb = 3;

double seconds_since_1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

std::string this_host() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

/// Returns the name of a new file. Names are sorted by time, and no file in the
/// folder has this name.
std::string new_event_file(const std::string& folder) {
  std::ostringstream stem;
  stem << folder << "/events.out.tfevents." << std::setfill('0')
       << std::setw(10) << static_cast<int64_t>(seconds_since_1970()) << '.'
       << this_host() << '.' << ::getpid() << '.';
  int64_t number = 0;
  while (fs::exists(stem.str() + std::to_string(number))) ++number;
  return stem.str() + std::to_string(number);
}

/// Returns the checksum of a TFRecord: CRC-32C, masked so that data may itself
/// contain checksums.
uint32_t masked_crc(const std::string& bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const uint32_t sum = crc.checksum();
  return ((sum >> 15U) | (sum << 17U)) + 0xA282EAD8U;
}

template <class Number>
std::string little_endian(Number number) {
  std::string bytes(sizeof(Number), '\0');
  for (auto& byte : bytes) {
    byte = static_cast<char>(number & 0xFFU);
    number >>= 8U;
  }
  return bytes;
}

/// Returns the upper ends of TensorFlow's histogram buckets, in ascending
/// order.
std::vector<double> make_bucket_ends() {
  std::vector<double> above;
  for (double end = 1e-12; end < 1e20; end *= 1.1) above.push_back(end);
  above.push_back(std::numeric_limits<double>::max());
  std::vector<double> ends;
  for (auto end = above.rbegin(); end != above.rend(); ++end) {
    ends.push_back(-*end);
  }
  ends.push_back(0);
  ends.insert(ends.end(), above.begin(), above.end());
  return ends;
}

/// Adds the buckets to the histogram; consecutive empty buckets are merged into
/// one.
void add_buckets(
    const std::vector<double>& counts,
    const std::vector<double>& ends,
    tensorboard::HistogramProto& histogram
) {
  for (size_t i = 0; i < counts.size(); ++i) {
    const bool goes_on =
        counts[i] == 0 && i + 1 < counts.size() && counts[i + 1] == 0;
    if (goes_on) continue;
    histogram.add_bucket_limit(ends[i]);
    histogram.add_bucket(counts[i]);
  }
}

tensorboard::HistogramProto histogram_of(const std::vector<double>& values) {
  static const auto ends = make_bucket_ends();
  std::vector<double> counts(ends.size());
  tensorboard::HistogramProto histogram;
  double least = std::numeric_limits<double>::max();
  double most = std::numeric_limits<double>::lowest();
  double number = 0;
  double sum = 0;
  double squares = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    least = std::min(least, value);
    most = std::max(most, value);
    number += 1;
    sum += value;
    squares += value * value;
    // The largest double is the end of the last bucket and belongs to it.
    const auto above = std::upper_bound(ends.begin(), ends.end() - 1, value);
    counts[static_cast<size_t>(above - ends.begin())] += 1;
  }
  histogram.set_min(number > 0 ? least : 0);
  histogram.set_max(number > 0 ? most : 0);
  histogram.set_num(number);
  histogram.set_sum(sum);
  histogram.set_sum_squares(squares);
  add_buckets(counts, ends, histogram);
  return histogram;
}

}  // namespace

/// A file of TFRecords, each of which holds one event.
class EventFile::Records {
 public:
  explicit Records(const std::string& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) {
      throw DataError(fmt::format(
          "{}: cannot create the folder: {}", folder, error.message()
      ));
    }
    path_ = new_event_file(folder);
    stream_.open(path_, std::ios::binary);
    check();
  }

  const std::string& path() const { return path_; }

  void write(int64_t step, tensorboard::Event event) {
    event.set_wall_time(seconds_since_1970());
    event.set_step(step);
    const auto bytes = event.SerializeAsString();
    const auto length = little_endian<uint64_t>(bytes.size());
    stream_ << length << little_endian(masked_crc(length)) << bytes
            << little_endian(masked_crc(bytes));
    check();
  }

  void flush() {
    stream_.flush();
    check();
  }

 private:
  void check() const {
    if (!stream_)
      throw DataError(fmt::format("{}: cannot write (disk full?)", path_));
  }

  std::string path_;
  std::ofstream stream_;
};

EventFile::EventFile(const std::string& folder, int64_t first_step)
    : records_(std::make_unique<Records>(folder)) {
  tensorboard::Event version;
  version.set_file_version("brain.Event:2");
  records_->write(0, version);
  if (first_step > 0) {
    tensorboard::Event start;
    start.mutable_session_log()->set_status(tensorboard::SessionLog::START);
    records_->write(first_step, start);
  }
  flush();
}

EventFile::~EventFile() = default;

const std::string& EventFile::path() const { return records_->path(); }

void EventFile::scalar(const std::string& tag, int64_t step, double value) {
  tensorboard::Event event;
  auto& one = *event.mutable_summary()->add_value();
  one.set_tag(tag);
  one.set_simple_value(static_cast<float>(value));
  records_->write(step, std::move(event));
}

void EventFile::image(
    const std::string& tag, int64_t step, const PngImage& image
) {
  tensorboard::Event event;
  auto& one = *event.mutable_summary()->add_value();
  one.set_tag(tag);
  one.mutable_image()->set_height(image.height);
  one.mutable_image()->set_width(image.width);
  one.mutable_image()->set_colorspace(kRgb);
  one.mutable_image()->set_encoded_image_string(image.bytes);
  records_->write(step, std::move(event));
}

void EventFile::histogram(
    const std::string& tag, int64_t step, const std::vector<double>& values
) {
  tensorboard::Event event;
  auto& one = *event.mutable_summary()->add_value();
  one.set_tag(tag);
  *one.mutable_histo() = histogram_of(values);
  records_->write(step, std::move(event));
}

void EventFile::flush() { records_->flush(); }

}  // namespace deeplab::apps
