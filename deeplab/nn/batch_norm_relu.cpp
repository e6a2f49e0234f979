// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/batch_norm_relu.h"

#include <algorithm>
#include <limits>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include "deeplab/nn/batch_norm_relu_loops.h"

namespace deeplab::nn {
namespace {

/// Rows (pixels) that are summed in float before they join a sum in double.
constexpr int64_t kBlock = 64;

/// The rows of a channels_last map, cut into one piece a thread, so that sums
/// come out the same bits for the same number of threads.
struct Rows {
  int64_t count;
  int64_t channels;

  explicit Rows(const torch::Tensor& map)
      : count(map.size(0) * map.size(2) * map.size(3)), channels(map.size(1)) {}

  int64_t pieces() const {
    return std::min<int64_t>(at::get_num_threads(), count);
  }

  template <class Function>
  void each_piece(const Function& function) const {
    const int64_t all = pieces();
    at::parallel_for(0, all, 1, [&](int64_t first, int64_t last) {
      for (int64_t piece = first; piece < last; ++piece) {
        function(piece, count * piece / all, count * (piece + 1) / all);
      }
    });
  }

  /// Two sums for each channel; `add(row, rows, one, other)` adds a block.
  template <class Add>
  std::pair<std::vector<double>, std::vector<double>> sums(const Add& add
  ) const {
    const auto size = static_cast<size_t>(channels);
    std::vector<std::vector<double>> partial(
        static_cast<size_t>(pieces()), std::vector<double>(2 * size)
    );
    each_piece([&](int64_t piece, int64_t begin, int64_t end) {
      std::vector<float> block(2 * size);
      auto& total = partial[static_cast<size_t>(piece)];
      for (int64_t row = begin; row < end; row += kBlock) {
        std::fill(block.begin(), block.end(), 0.0F);
        add(row, std::min(kBlock, end - row), block.data(), block.data() + size
        );
        for (size_t i = 0; i < block.size(); ++i) total[i] += block[i];
      }
    });
    std::vector<double> one(size);
    std::vector<double> other(size);
    for (const auto& total : partial) {
      for (size_t c = 0; c < size; ++c) {
        one[c] += total[c];
        other[c] += total[size + c];
      }
    }
    return {one, other};
  }
};

float ceiling_of(ReluCeiling ceiling) {
  return ceiling == ReluCeiling::kSix ? 6.0F
                                      : std::numeric_limits<float>::infinity();
}

torch::Tensor like_channels(const torch::Tensor& features) {
  return torch::empty({features.size(1)}, torch::kFloat32);
}

/// Mean and variance (of the batch, biased) of each channel.
std::pair<torch::Tensor, torch::Tensor> moments(const torch::Tensor& features) {
  const Rows rows(features);
  const auto* x = features.data_ptr<float>();
  // Measured from the first pixel: no cancellation where the mean is far
  // from 0.
  const auto [sum, square] = rows.sums([&](int64_t row,
                                           int64_t count,
                                           float* one,
                                           float* two) {
    add_moments({count, rows.channels}, x + row * rows.channels, x, one, two);
  });
  auto mean = like_channels(features);
  auto variance = like_channels(features);
  const auto total = static_cast<double>(rows.count);
  for (int64_t c = 0; c < rows.channels; ++c) {
    const auto i = static_cast<size_t>(c);
    const double from_origin = sum[i] / total;
    mean.data_ptr<float>()[c] = static_cast<float>(x[c] + from_origin);
    variance.data_ptr<float>()[c] = static_cast<float>(
        std::max(0.0, square[i] / total - from_origin * from_origin)
    );
  }
  return {mean, variance};
}

class BatchNormRelu : public torch::autograd::Function<BatchNormRelu> {
 public:
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  static torch::Tensor forward(
      Context* context,
      const torch::Tensor& features,
      const torch::Tensor& weight,
      const torch::Tensor& bias,
      const torch::Tensor& mean,
      const torch::Tensor& inverse_deviation,
      double ceiling
  ) {
    const auto scale = weight * inverse_deviation;
    const auto shift = bias - mean * scale;
    context->save_for_backward({features, mean, inverse_deviation, scale, shift}
    );
    context->saved_data["ceiling"] = ceiling;
    auto result = torch::empty_like(features);
    const Rows rows(features);
    const AffineRelu map{
        scale.data_ptr<float>(),
        shift.data_ptr<float>(),
        static_cast<float>(ceiling)};
    const auto* x = features.data_ptr<float>();
    auto* y = result.data_ptr<float>();
    rows.each_piece([&](int64_t /*piece*/, int64_t begin, int64_t end) {
      const int64_t offset = begin * rows.channels;
      apply_affine_relu(
          {end - begin, rows.channels}, map, x + offset, y + offset
      );
    });
    return result;
  }

  static Tensors backward(Context* context, Tensors gradients) {
    const auto saved = context->get_saved_variables();
    const auto& features = saved[0];
    const auto& mean = saved[1];
    const auto& inverse_deviation = saved[2];
    const AffineRelu map{
        saved[3].data_ptr<float>(),
        saved[4].data_ptr<float>(),
        static_cast<float>(context->saved_data["ceiling"].toDouble())};
    const auto gradient =
        gradients[0].contiguous(torch::MemoryFormat::ChannelsLast);
    const Rows rows(features);
    const auto* x = features.data_ptr<float>();
    const auto* dy = gradient.data_ptr<float>();
    const auto [sum, sum_x] =
        rows.sums([&](int64_t row, int64_t count, float* one, float* two) {
          const int64_t offset = row * rows.channels;
          add_gradient_sums(
              {count, rows.channels},
              map,
              x + offset,
              dy + offset,
              {mean.data_ptr<float>(), one, two}
          );
        });

    auto d_weight = like_channels(features);
    auto d_bias = like_channels(features);
    auto per_x = like_channels(features);
    auto constant = like_channels(features);
    const auto total = static_cast<double>(rows.count);
    for (int64_t c = 0; c < rows.channels; ++c) {
      const auto i = static_cast<size_t>(c);
      const double inverse = inverse_deviation.data_ptr<float>()[c];
      const double scale = map.scale[c];
      const double slope = -scale * inverse * inverse * sum_x[i] / total;
      d_weight.data_ptr<float>()[c] = static_cast<float>(sum_x[i] * inverse);
      d_bias.data_ptr<float>()[c] = static_cast<float>(sum[i]);
      per_x.data_ptr<float>()[c] = static_cast<float>(slope);
      constant.data_ptr<float>()[c] = static_cast<float>(
          -scale * sum[i] / total - slope * mean.data_ptr<float>()[c]
      );
    }
    auto d_features = torch::empty_like(features);
    auto* dx = d_features.data_ptr<float>();
    rows.each_piece([&](int64_t /*piece*/, int64_t begin, int64_t end) {
      const int64_t offset = begin * rows.channels;
      apply_gradient(
          {end - begin, rows.channels},
          map,
          x + offset,
          dy + offset,
          {per_x.data_ptr<float>(), constant.data_ptr<float>(), dx + offset}
      );
    });
    return {d_features, d_weight, d_bias, {}, {}, {}};
  }
};

/// As torch's batch norm in training: exponential means, unbiased variance.
void update_running(
    torch::nn::BatchNorm2dImpl& norm,
    const torch::Tensor& mean,
    const torch::Tensor& variance,
    int64_t count
) {
  torch::NoGradGuard no_grad;
  norm.num_batches_tracked += 1;
  const double momentum = *norm.options.momentum();
  const double unbiased =
      static_cast<double>(count) / static_cast<double>(count - 1);
  // As torch's kernel, without telling autograd: an earlier pass of this norm
  // may wait for its backward.
  auto running_mean = norm.running_mean.variable_data();
  auto running_var = norm.running_var.variable_data();
  running_mean.mul_(1 - momentum).add_(mean, momentum);
  running_var.mul_(1 - momentum).add_(variance, momentum * unbiased);
}

bool is_fusible(
    torch::nn::BatchNorm2dImpl& norm, const torch::Tensor& features
) {
  const auto last = torch::MemoryFormat::ChannelsLast;
  return norm.is_training() && norm.options.momentum().has_value() &&
         features.is_cpu() && features.scalar_type() == torch::kFloat32 &&
         features.dim() == 4 && features.is_contiguous(last) &&
         features.numel() > features.size(1);
}

}  // namespace

torch::Tensor batch_norm_relu(
    torch::nn::BatchNorm2dImpl& norm,
    const torch::Tensor& features,
    ReluCeiling ceiling
) {
  if (!is_fusible(norm, features)) {
    const auto normed = norm.forward(features);
    return ceiling == ReluCeiling::kSix ? normed.clamp_(0, 6) : normed.relu_();
  }
  const auto [mean, variance] = moments(features.detach());
  update_running(norm, mean, variance, Rows(features).count);
  return BatchNormRelu::apply(
      features,
      norm.weight,
      norm.bias,
      mean,
      (variance + norm.options.eps()).rsqrt(),
      static_cast<double>(ceiling_of(ceiling))
  );
}

}  // namespace deeplab::nn
