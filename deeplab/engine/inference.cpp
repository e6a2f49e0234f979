// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/inference.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include <fmt/core.h>
#include <torch/types.h>

#include "deeplab/core/error.h"
#include "deeplab/nn/resize.h"

namespace deeplab::engine {
namespace {

ImageSize size_of(const torch::Tensor& images) {
  return {images.size(2), images.size(3)};
}

int64_t scaled(int64_t side, double scale, SizingRule rule) {
  const auto length = static_cast<double>(side);
  const int64_t size = rule == SizingRule::kPyTorch
                           ? std::llround(length * scale)
                           : static_cast<int64_t>((length - 1) * scale + 1);
  return std::max<int64_t>(1, size);
}

ImageSize scaled(ImageSize size, double scale, SizingRule rule) {
  return {scaled(size.height, scale, rule), scaled(size.width, scale, rule)};
}

nn::Alignment alignment_of(SizingRule rule) {
  switch (rule) {
    case SizingRule::kPyTorch:
      return nn::Alignment::kEdges;
    case SizingRule::kTensorFlow:
      return nn::Alignment::kCorners;
    case SizingRule::kCentres:
      break;
  }
  return nn::Alignment::kCentres;
}

/// Resizes maps to a size at which they are `factor` times as large.
torch::Tensor resize(
    const torch::Tensor& maps, ImageSize size, double factor, SizingRule rule
) {
  const auto like = maps.new_empty({1, 1, size.height, size.width});
  return nn::resize_like(
      maps, like, {alignment_of(rule), {0, 1}, {0, 1 / factor}}
  );
}

/// Overwrites its argument.
torch::Tensor log_of(const torch::Tensor& probabilities) {
  constexpr double kTiny = 1e-30;
  return probabilities.clamp_min_(kTiny).log_();
}

/// Top left corner of a piece.
struct Corner {
  int64_t top;
  int64_t left;
};

std::vector<Corner> corners(
    ImageSize size, ImageSize piece, const InferenceOptions& options
) {
  std::vector<Corner> result;
  for (const auto top : piece_starts(size.height, piece.height, options)) {
    for (const auto left : piece_starts(size.width, piece.width, options)) {
      result.push_back({top, left});
    }
  }
  return result;
}

/// Returns the scores of images that may be larger than the window.
torch::Tensor in_pieces(
    const Segmenter& network,
    const torch::Tensor& images,
    const InferenceOptions& options
) {
  if (!options.window) return network(images);
  const auto size = size_of(images);
  const ImageSize piece{
      std::min(options.window->height, size.height),
      std::min(options.window->width, size.width)};
  if (piece.height == size.height && piece.width == size.width) {
    return network(images);
  }
  const auto cut = [&](const torch::Tensor& maps, Corner corner) {
    const int64_t rows = maps.dim() - 2;
    return maps.slice(rows, corner.top, corner.top + piece.height)
        .slice(rows + 1, corner.left, corner.left + piece.width);
  };
  torch::Tensor sum;
  auto covered = torch::zeros({size.height, size.width});
  const auto add = [&](const torch::Tensor& scores, Corner corner) {
    if (!sum.defined()) {
      sum = torch::zeros(
          {scores.size(0), scores.size(1), size.height, size.width},
          scores.options()
      );
    }
    cut(sum, corner).add_(scores);
    cut(covered, corner).add_(1);
  };
  const auto all = corners(size, piece, options);
  const int64_t together =
      std::max<int64_t>(1, options.batch_size / images.size(0));
  for (auto corner = all.begin(); corner != all.end();) {
    auto first = corner;
    std::vector<torch::Tensor> pieces;
    for (; corner != all.end() && corner - first < together; ++corner) {
      const auto next = cut(images, *corner);
      // The last piece of a row may be smaller.
      if (!pieces.empty() && next.sizes() != pieces[0].sizes()) break;
      pieces.push_back(next);
    }
    const auto scores = network(torch::cat(pieces)).softmax(1);
    for (const auto& part : scores.split(images.size(0))) add(part, *first++);
  }
  return log_of(sum.div_(covered.to(sum.device())));
}

}  // namespace

Segmenter make_inference(Segmenter network, const InferenceOptions& options) {
  if (options.is_plain()) return network;
  return [network = std::move(network), options](const torch::Tensor& images) {
    const torch::NoGradGuard no_grad;
    const auto size = size_of(images);
    torch::Tensor sum;
    const auto add = [&](torch::Tensor scores, double scale) {
      // Each step overwrites its input, so that memory is freed early.
      scores = resize(scores, size, 1 / scale, options.sizing);
      scores = scores.softmax(1);
      sum = sum.defined() ? sum.add_(scores) : scores;
    };
    for (const auto scale : options.scales) {
      const auto input = resize(
          images, scaled(size, scale, options.sizing), scale, options.sizing
      );
      add(in_pieces(network, input, options), scale);
      if (options.flip) {
        auto mirrored = in_pieces(network, input.flip({3}), options);
        mirrored = mirrored.flip({3});
        add(std::move(mirrored), scale);
      }
    }
    const auto passes =
        static_cast<double>(options.scales.size() * (options.flip ? 2 : 1));
    return log_of(sum.div_(passes));
  };
}

std::vector<int64_t> piece_starts(
    int64_t length, int64_t window, const InferenceOptions& options
) {
  if (length <= window) return {0};
  // Pieces that are smaller than the stride begin anywhere.
  const int64_t stride = options.stride <= window ? options.stride : 1;
  // `room` and `step` are counted in strides.
  const int64_t room = (length - window + stride - 1) / stride;
  const auto step = std::max<int64_t>(
      1, static_cast<int64_t>(
             static_cast<double>(window) * (1 - options.overlap)
         ) / stride
  );
  const int64_t pieces = (room + step - 1) / step;
  std::vector<int64_t> starts;
  for (int64_t i = 0; i <= pieces; ++i) {
    starts.push_back(room * i / pieces * stride);
  }
  return starts;
}

double estimate_memory(
    const MemoryModel& memory,
    const InferenceOptions& options,
    ImageSize image,
    int64_t num_classes
) {
  // Pixels of a batch of images of this size.
  const auto pixels = [&](ImageSize size) {
    return static_cast<double>(options.batch_size * size.height * size.width);
  };
  const double scale =
      *std::max_element(options.scales.begin(), options.scales.end());
  const auto largest = scaled(image, scale, options.sizing);
  auto piece = largest;
  if (options.window) {
    piece = {
        std::min(piece.height, options.window->height),
        std::min(piece.width, options.window->width)};
  }
  const auto classes = static_cast<double>(num_classes);
  constexpr double kFloat = 4;
  const double whole = pixels(image) * classes * kFloat;
  const double scores = pixels(largest) * classes * kFloat;
  double network = memory.bytes(pixels(piece));
  // The sum over pieces is held in addition to the pass of the current piece.
  if (options.window) network += scores;
  double total = network;
  if (!options.is_plain()) {
    // Besides the sum of all passes, one of these is held: a pass with the
    // network, its mirrored scores, its scores at the image's size, or their
    // probabilities.
    total = whole + std::max({network, 2 * scores + whole, 2 * whole});
    constexpr double kChannels = 3;
    total += 2 * pixels(largest) * kChannels * kFloat;
  }
  // Per pixel of the images: the image as float and as 8 bits, and int64 maps:
  // the labels, the prediction, and the metrics' intermediate results.
  constexpr double kImage = 3 * (4 + 1);
  constexpr double kMaps = 8 * 8;
  // Margin for freed blocks that are too small to be reused.
  constexpr double kMargin = 1.15;
  return kMargin * (total + (kImage + kMaps) * pixels(image));
}

InferenceOptions fit_memory(
    const MemoryModel& memory,
    InferenceOptions options,
    ImageSize image,
    int64_t num_classes,
    double bytes
) {
  const auto needed = [&] {
    return estimate_memory(memory, options, image, num_classes);
  };
  if (needed() <= bytes) return options;
  constexpr int64_t kLeast = 129;
  constexpr int64_t kStep = 32;
  const int64_t longest = std::max(image.height, image.width);
  for (int64_t side = longest / kStep * kStep + 1; side >= kLeast;
       side -= kStep) {
    options.window = ImageSize{side, side};
    if (needed() <= bytes) return options;
  }
  options.window = ImageSize{kLeast, kLeast};
  const auto gib = [](double value) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(2) << value / (1 << 30);
    return text.str();
  };
  throw DataError(fmt::format(
      "an image of {}x{} needs {} GiB even in pieces of {}x{}; only {} GiB of the memory limit are left; raise the limit",
      image.height, image.width, gib(needed()), kLeast, kLeast, gib(bytes)
  ));
}

}  // namespace deeplab::engine
