// SPDX-License-Identifier: Apache-2.0
#include "data/tensors.h"

#include <array>

#include <opencv2/imgproc.hpp>

namespace deeplab::data {

torch::Tensor to_tensor(
    const cv::Mat& image, const Normalization& normalization
) {
  constexpr size_t kRgb = 3;
  // One lookup table per channel: a byte has only 256 normalized values.
  std::array<std::array<float, 256>, kRgb> table{};
  for (size_t channel = 0; channel < kRgb; ++channel) {
    for (size_t value = 0; value < 256; ++value) {
      table[channel][value] = static_cast<float>(
          (static_cast<double>(value) / 255 - normalization.mean[channel]) /
          normalization.std[channel]
      );
    }
  }
  auto tensor = torch::empty({3, image.rows, image.cols}, torch::kFloat32);
  auto* target = tensor.data_ptr<float>();
  const auto plane =
      static_cast<size_t>(image.rows) * static_cast<size_t>(image.cols);
  for (int y = 0; y < image.rows; ++y) {
    const auto* row = image.ptr<uint8_t>(y);
    for (int x = 0; x < image.cols; ++x, ++target) {
      const auto* pixel = row + kRgb * static_cast<size_t>(x);
      target[0] = table[0][pixel[2]];
      target[plane] = table[1][pixel[1]];
      target[2 * plane] = table[2][pixel[0]];
    }
  }
  return tensor;
}

cv::Mat to_mask(const torch::Tensor& prediction) {
  const auto labels = prediction.to(torch::kCPU, torch::kUInt8).contiguous();
  return cv::Mat(
             static_cast<int>(labels.size(0)), static_cast<int>(labels.size(1)),
             CV_8UC1, labels.data_ptr()
  )
      .clone();
}

torch::Tensor to_pixels(const cv::Mat& image) {
  cv::Mat rgb;
  cv::cvtColor(image, rgb, cv::COLOR_BGR2RGB);
  return torch::from_blob(rgb.data, {rgb.rows, rgb.cols, 3}, torch::kUInt8)
      .clone();
}

}  // namespace deeplab::data
