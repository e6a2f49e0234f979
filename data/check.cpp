// SPDX-License-Identifier: Apache-2.0
#include "data/check.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <torch/types.h>

#include "data/sets/file_dataset.h"
#include "data/worker_pool.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

constexpr int kThumbnailSide = 16;
constexpr double kSameLook = 0.995;

ImageFacts facts_of(const RawSample& sample, const std::string& id) {
  ImageFacts facts;
  facts.id = id;
  facts.width = sample.image.cols;
  facts.height = sample.image.rows;
  cv::Mat grey;
  cv::cvtColor(sample.image, grey, cv::COLOR_BGR2GRAY);
  grey.convertTo(grey, CV_32F);
  cv::Mat small(kThumbnailSide, kThumbnailSide, CV_32F, facts.thumbnail.data());
  cv::resize(grey, small, small.size(), 0, 0, cv::INTER_AREA);
  small -= cv::mean(small);
  const double length = cv::norm(small);
  // A flat image has a small norm too, from rounding alone.
  small = length > 1 ? cv::Mat(small / length) : cv::Mat(small * 0);
  std::copy(small.begin<float>(), small.end<float>(), facts.thumbnail.begin());
  return facts;
}

/// Sums of the pixel values and of their squares, per channel in RGB order.
struct ColorSums {
  std::array<double, 3> sum{};
  std::array<double, 3> squares{};
  double pixels = 0;

  void add(const cv::Scalar& mean, const cv::Scalar& deviation, double count) {
    pixels += count;
    for (int rgb = 0; rgb < 3; ++rgb) {
      const double value = mean[2 - rgb] / 255;
      const double spread = deviation[2 - rgb] / 255;
      const auto channel = static_cast<size_t>(rgb);
      sum[channel] += count * value;
      squares[channel] += count * (spread * spread + value * value);
    }
  }
};

/// Facts about one pair, or the reason why it cannot be used.
struct Seen {
  std::string problem;
  ImageFacts facts;
  std::array<int64_t, 256> label_pixels{};
  cv::Scalar mean;
  cv::Scalar deviation;
};

Seen look_at(const Dataset& dataset, int64_t index) {
  Seen seen;
  try {
    const auto sample = dataset.load(index);
    for (int row = 0; row < sample.labels.rows; ++row) {
      const auto* values = sample.labels.ptr<uint8_t>(row);
      for (int column = 0; column < sample.labels.cols; ++column) {
        ++seen.label_pixels[values[column]];
      }
    }
    cv::meanStdDev(sample.image, seen.mean, seen.deviation);
    seen.facts = facts_of(sample, dataset.id(index));
  } catch (const DataError& error) {
    seen.problem = error.what();
  }
  return seen;
}

void count_in(Seen seen, CheckReport& report, ColorSums& colors) {
  if (!seen.problem.empty()) {
    report.problems.push_back(std::move(seen.problem));
    return;
  }
  const auto pixels = seen.facts.width * seen.facts.height;
  const int64_t void_pixels = seen.label_pixels[kVoid];
  report.void_pixels += void_pixels;
  for (size_t k = 0; k < report.class_pixels.size(); ++k) {
    const int64_t own = seen.label_pixels[k];
    report.class_pixels[k] += own;
    if (own == 0) continue;
    report.pixels_around_class[k] += pixels - void_pixels;
    seen.facts.classes.push_back(k);
  }
  colors.add(seen.mean, seen.deviation, static_cast<double>(pixels));
  report.facts.push_back(std::move(seen.facts));
}

torch::Tensor thumbnails(const CheckReport& report) {
  const int64_t pixels = int64_t{kThumbnailSide} * kThumbnailSide;
  auto rows = torch::empty({static_cast<int64_t>(report.facts.size()), pixels});
  auto* target = rows.data_ptr<float>();
  for (const auto& facts : report.facts) {
    target = std::copy(facts.thumbnail.begin(), facts.thumbnail.end(), target);
  }
  return rows;
}

}  // namespace

CheckReport check_dataset(
    const Dataset& dataset,
    int64_t workers,
    const std::function<void(int64_t done)>& on_image
) {
  CheckReport report;
  report.images = dataset.size();
  const auto classes = static_cast<size_t>(dataset.classes().size());
  report.class_pixels.resize(classes);
  report.pixels_around_class.resize(classes);
  ColorSums colors;
  WorkerPool<Seen> pool(workers);
  std::deque<std::future<Seen>> ahead;
  int64_t next = 0;
  for (int64_t done = 0; done < dataset.size(); ++done) {
    // Queues more images than there are workers, so that no worker idles.
    for (; next < std::min(dataset.size(), done + 2 * workers + 1); ++next) {
      ahead.push_back(pool.submit([&dataset, next] {
        return look_at(dataset, next);
      }));
    }
    count_in(ahead.front().get(), report, colors);
    ahead.pop_front();
    if (on_image) on_image(done + 1);
  }
  for (size_t channel = 0; channel < 3 && colors.pixels > 0; ++channel) {
    const double mean = colors.sum[channel] / colors.pixels;
    const double variance =
        colors.squares[channel] / colors.pixels - mean * mean;
    report.mean[channel] = mean;
    report.deviation[channel] = std::sqrt(std::max(0.0, variance));
  }
  return report;
}

std::vector<double> median_frequency_weights(const CheckReport& report) {
  std::vector<double> frequencies;
  for (size_t k = 0; k < report.class_pixels.size(); ++k) {
    const auto around = static_cast<double>(report.pixels_around_class[k]);
    if (around == 0) continue;
    frequencies.push_back(static_cast<double>(report.class_pixels[k]) / around);
  }
  std::vector<double> weights(report.class_pixels.size(), 1);
  if (frequencies.empty()) return weights;
  auto sorted = frequencies;
  std::sort(sorted.begin(), sorted.end());
  const size_t half = sorted.size() / 2;
  const double median = sorted.size() % 2 == 1
                            ? sorted[half]
                            : (sorted[half - 1] + sorted[half]) / 2;
  size_t next = 0;
  for (size_t k = 0; k < weights.size(); ++k) {
    if (report.pixels_around_class[k] > 0) {
      weights[k] = median / frequencies[next++];
    }
  }
  return weights;
}

std::vector<double> inverse_log_weights(const CheckReport& report) {
  constexpr double kBound = 1.02;
  double total = 0;
  for (const auto pixels : report.class_pixels) {
    total += static_cast<double>(pixels);
  }
  std::vector<double> weights(report.class_pixels.size(), 1);
  for (size_t k = 0; k < weights.size(); ++k) {
    const auto pixels = static_cast<double>(report.class_pixels[k]);
    if (pixels > 0) weights[k] = 1 / std::log(kBound + pixels / total);
  }
  return weights;
}

std::string class_missing_beside_void(const Dataset& dataset) {
  const auto* files = dynamic_cast<const FileDataset*>(&dataset);
  if (files == nullptr) return "";
  const auto& names = files->classes().names;
  std::array<bool, 256> occurs{};
  const auto last = occurs.begin() + static_cast<std::ptrdiff_t>(names.size());
  const auto missing = [&] { return std::find(occurs.begin(), last, false); };
  for (int64_t i = 0; i < files->size() && missing() != last; ++i) {
    const auto labels = files->load_labels(i);
    for (const auto label : cv::Mat_<uint8_t>(labels)) occurs[label] = true;
  }
  if (missing() == last || !occurs[kVoid]) return "";
  return names[static_cast<size_t>(missing() - occurs.begin())];
}

std::vector<Duplicate> near_duplicates(
    const CheckReport& one, const CheckReport& other
) {
  std::vector<Duplicate> found;
  if (one.facts.empty() || other.facts.empty()) return found;
  const auto ones = thumbnails(one).t();
  // Works in blocks of rows, which bounds the memory.
  constexpr int64_t kRows = 1024;
  const auto rows = thumbnails(other);
  for (int64_t first = 0; first < rows.size(0); first += kRows) {
    const auto part = rows.slice(0, first, first + kRows);
    const auto [best, which] = part.matmul(ones).max(1);
    for (int64_t i = 0; i < best.size(0); ++i) {
      if (best[i].item<float>() < kSameLook) continue;
      const auto column = static_cast<size_t>(which[i].item<int64_t>());
      const auto row = static_cast<size_t>(first + i);
      found.push_back({one.facts[column].id, other.facts[row].id});
    }
  }
  return found;
}

}  // namespace deeplab::data
