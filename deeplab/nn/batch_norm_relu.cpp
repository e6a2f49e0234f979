// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/batch_norm_relu.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include "deeplab/nn/all_reduce.h"
#include "deeplab/nn/batch_norm_relu_loops.h"

namespace deeplab::nn {
namespace {

/// Number of rows (pixels) that are summed in float before the sum is added to
/// a double.
constexpr int64_t kBlock = 64;

/// Two sums for each channel.
using ChannelSums = std::pair<std::vector<double>, std::vector<double>>;

/// The rows (pixels) of a channels_last map, split into one piece per thread,
/// so that sums have the same bits for the same number of threads.
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

  /// Returns two sums for each channel. `add(row, rows, one, other)` adds
  /// `rows` rows, starting at `row`, to two float arrays of length [channels].
  template <class Add>
  ChannelSums sums(const Add& add) const {
    const auto size = static_cast<size_t>(channels);
    std::vector<std::vector<double>> partial(
        static_cast<size_t>(pieces()), std::vector<double>(2 * size)
    );
    each_piece([&](int64_t piece, int64_t begin, int64_t end) {
      std::vector<float> block(2 * size);
      auto& total = partial[static_cast<size_t>(piece)];
      for (int64_t row = begin; row < end; row += kBlock) {
        std::fill(block.begin(), block.end(), 0.0F);
        add(row, std::min(kBlock, end - row), block.data(),
            block.data() + size);
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

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Lower and upper limit of the normalised values.
struct Bounds {
  float floor = -kInfinity;
  float ceiling = kInfinity;
};

/// Calls `function` with a null pointer whose type is the map's element type,
/// Bfloat16 or float.
template <class Function>
void with_values(const torch::Tensor& map, const Function& function) {
  if (map.scalar_type() == torch::kBFloat16) {
    function(static_cast<const Bfloat16*>(nullptr));
  } else {
    function(static_cast<const float*>(nullptr));
  }
}

template <class Value>
const Value* values_of(const torch::Tensor& map, const Value* /*type*/) {
  return static_cast<const Value*>(map.data_ptr());
}

template <class Value>
Value* mutable_values(const torch::Tensor& map, const Value* /*type*/) {
  return static_cast<Value*>(map.data_ptr());
}

torch::Tensor like_channels(const torch::Tensor& features) {
  return torch::empty({features.size(1)}, torch::kFloat32);
}

/// Statistics of each channel over all processes; tensors are float32 [C].
struct Moments {
  torch::Tensor mean;
  /// Biased variance.
  torch::Tensor variance;
  double count = 0;
};

/// Sums `values` over all processes, in place; does nothing if `sum` is empty.
void sum_over_processes(const AllReduce& sum, std::vector<double>& values) {
  if (!sum) return;
  auto view = torch::from_blob(
      values.data(), {static_cast<int64_t>(values.size())}, torch::kFloat64
  );
  sum(view);
}

void sum_over_processes(const AllReduce& sum, ChannelSums& sums) {
  const auto channels = static_cast<std::ptrdiff_t>(sums.first.size());
  auto both = sums.first;
  both.insert(both.end(), sums.second.begin(), sums.second.end());
  sum_over_processes(sum, both);
  std::copy(both.begin(), both.begin() + channels, sums.first.begin());
  std::copy(both.begin() + channels, both.end(), sums.second.begin());
}

Moments moments(const torch::Tensor& features, const AllReduce& sum) {
  const Rows rows(features);
  // Moments are computed relative to the first pixel, which avoids cancellation
  // if the mean is far from 0.
  const auto origin = features.select(0, 0)
                          .select(1, 0)
                          .select(1, 0)
                          .to(torch::kFloat32)
                          .contiguous();
  const auto* from = origin.data_ptr<float>();
  ChannelSums sums;
  with_values(features, [&](auto type) {
    const auto* x = values_of(features, type);
    sums = rows.sums([&](int64_t row, int64_t count, float* one, float* two) {
      add_moments(
          {count, rows.channels}, x + row * rows.channels, from, one, two
      );
    });
  });
  const auto channels = static_cast<size_t>(rows.channels);
  const auto own = static_cast<double>(rows.count);
  // Each channel's sum, each channel's sum of squares, and the number of
  // values. Squares are taken about 0 if several processes add theirs, because
  // each process has another first pixel; doubles are precise enough. In a
  // single process, squares are taken about the mean.
  std::vector<double> about_zero(2 * channels + 1, own);
  for (size_t c = 0; c < channels; ++c) {
    const double shift = from[c];
    const double offset = sums.first[c] / own;
    const double spread = sums.second[c] - own * offset * offset;
    const double mean = shift + offset;
    about_zero[c] = own * mean;
    about_zero[channels + c] = sum ? spread + own * mean * mean : spread;
  }
  sum_over_processes(sum, about_zero);
  Moments result{
      like_channels(features), like_channels(features), about_zero.back()};
  for (size_t c = 0; c < channels; ++c) {
    const double mean = about_zero[c] / result.count;
    const double square = about_zero[channels + c] / result.count;
    const double variance = sum ? square - mean * mean : square;
    result.mean.data_ptr<float>()[c] = static_cast<float>(mean);
    result.variance.data_ptr<float>()[c] =
        static_cast<float>(std::max(0.0, variance));
  }
  return result;
}

/// The arguments of one call that are not tensors.
struct BatchShape {
  Bounds bounds;
  /// Number of values per channel, over all processes.
  double count;
  AllReduce sum;
};

/// The statistics by which a map was normalised; tensors are float32 [C].
struct Normalized {
  torch::Tensor mean;
  torch::Tensor inverse_deviation;
  /// Number of pixels over all processes.
  double count;
};

/// The gradient of the features is per_x * x + constant plus the gradient that
/// passes through the affine map; float32 [C].
struct FeatureGradient {
  torch::Tensor per_x;
  torch::Tensor constant;

  GradientMap map() const {
    return {per_x.data_ptr<float>(), constant.data_ptr<float>()};
  }
};

/// `sums` are those of the gradient and of its product with the centred
/// features, over all processes.
FeatureGradient feature_gradient(
    const Normalized& normalized,
    const ClampedAffine& map,
    const ChannelSums& sums
) {
  const auto* mean = normalized.mean.data_ptr<float>();
  const auto* inverse_deviation =
      normalized.inverse_deviation.data_ptr<float>();
  FeatureGradient gradient{
      torch::empty_like(normalized.mean), torch::empty_like(normalized.mean)};
  auto* per_x = gradient.per_x.data_ptr<float>();
  auto* constant = gradient.constant.data_ptr<float>();
  for (size_t c = 0; c < sums.first.size(); ++c) {
    const double inverse = inverse_deviation[c];
    const double scale = map.scale[c];
    const double slope =
        -scale * inverse * inverse * sums.second[c] / normalized.count;
    per_x[c] = static_cast<float>(slope);
    constant[c] = static_cast<float>(
        -scale * sums.first[c] / normalized.count - slope * mean[c]
    );
  }
  return gradient;
}

class FusedNorm : public torch::autograd::Function<FusedNorm> {
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
      const BatchShape& batch
  ) {
    const auto scale = weight * inverse_deviation;
    const auto shift = bias - mean * scale;
    context->save_for_backward({features, mean, inverse_deviation, scale, shift}
    );
    context->saved_data["floor"] = double{batch.bounds.floor};
    context->saved_data["ceiling"] = double{batch.bounds.ceiling};
    context->saved_data["count"] = batch.count;
    context->saved_data["sum"] =
        c10::IValue::make_capsule(c10::make_intrusive<AllReduceHolder>(batch.sum
        ));
    auto result = torch::empty_like(features);
    const Rows rows(features);
    const ClampedAffine map{
        scale.data_ptr<float>(), shift.data_ptr<float>(), batch.bounds.floor,
        batch.bounds.ceiling};
    with_values(features, [&](auto type) {
      const auto* x = values_of(features, type);
      auto* y = mutable_values(result, type);
      rows.each_piece([&](int64_t /*piece*/, int64_t begin, int64_t end) {
        const int64_t offset = begin * rows.channels;
        apply_clamped_affine(
            {end - begin, rows.channels}, map, x + offset, y + offset
        );
      });
    });
    return result;
  }

  static Tensors backward(Context* context, Tensors gradients) {
    const auto saved = context->get_saved_variables();
    const auto& features = saved[0];
    const auto& mean = saved[1];
    const auto& inverse_deviation = saved[2];
    const ClampedAffine map{
        saved[3].data_ptr<float>(), saved[4].data_ptr<float>(),
        static_cast<float>(context->saved_data["floor"].toDouble()),
        static_cast<float>(context->saved_data["ceiling"].toDouble())};
    const auto gradient =
        gradients[0].contiguous(torch::MemoryFormat::ChannelsLast);
    const Rows rows(features);
    ChannelSums sums;
    with_values(features, [&](auto type) {
      const auto* x = values_of(features, type);
      const auto* dy = values_of(gradient, type);
      sums = rows.sums([&](int64_t row, int64_t count, float* one, float* two) {
        const int64_t offset = row * rows.channels;
        add_gradient_sums(
            {count, rows.channels}, map, x + offset, dy + offset,
            {mean.data_ptr<float>(), one, two}
        );
      });
    });

    auto d_weight = like_channels(features);
    auto d_bias = like_channels(features);
    for (int64_t c = 0; c < rows.channels; ++c) {
      const auto i = static_cast<size_t>(c);
      d_weight.data_ptr<float>()[c] = static_cast<float>(
          sums.second[i] * inverse_deviation.data_ptr<float>()[c]
      );
      d_bias.data_ptr<float>()[c] = static_cast<float>(sums.first[i]);
    }
    // The gradients of the parameters are summed over processes later, with
    // those of all other parameters. The gradient of the features needs the
    // sums over all processes here.
    const auto holder = context->saved_data["sum"].toCapsule();
    const auto& over_all = static_cast<AllReduceHolder&>(*holder).sum;
    sum_over_processes(over_all, sums);
    const double total = context->saved_data["count"].toDouble();
    const auto back =
        feature_gradient({mean, inverse_deviation, total}, map, sums);
    auto d_features = torch::empty_like(features);
    with_values(features, [&](auto type) {
      const auto* x = values_of(features, type);
      const auto* dy = values_of(gradient, type);
      auto* dx = mutable_values(d_features, type);
      rows.each_piece([&](int64_t /*piece*/, int64_t begin, int64_t end) {
        const int64_t offset = begin * rows.channels;
        apply_gradient(
            {end - begin, rows.channels}, map, back.map(), x + offset,
            dy + offset, dx + offset
        );
      });
    });
    return {d_features, d_weight, d_bias, {}, {}, {}};
  }
};

bool is_fusible(const NormImpl& norm, const torch::Tensor& features) {
  const auto last = torch::MemoryFormat::ChannelsLast;
  const auto type = features.scalar_type();
  return norm.uses_batch_statistics() && features.is_cpu() &&
         (type == torch::kFloat32 || type == torch::kBFloat16) &&
         features.dim() == 4 && features.is_contiguous(last) &&
         (norm.sum() || features.numel() > features.size(1));
}

torch::Tensor fused_norm(
    NormImpl& norm, const torch::Tensor& features, const Bounds& bounds
) {
  const auto batch = moments(features.detach(), norm.sum());
  norm.update_running_statistics(batch.mean, batch.variance, batch.count);
  return FusedNorm::apply(
      features, norm.weight, norm.bias, batch.mean,
      (batch.variance + norm.options.eps()).rsqrt(),
      BatchShape{bounds, batch.count, norm.sum()}
  );
}

}  // namespace

torch::Tensor batch_norm_relu(
    NormImpl& norm, const torch::Tensor& features, ReluCeiling ceiling
) {
  const bool six = ceiling == ReluCeiling::kSix;
  if (is_fusible(norm, features)) {
    return fused_norm(norm, features, {0, six ? 6 : kInfinity});
  }
  const auto normed = norm.forward(features);
  return six ? normed.clamp_(0, 6) : normed.relu_();
}

torch::Tensor batch_norm(NormImpl& norm, const torch::Tensor& features) {
  if (is_fusible(norm, features)) return fused_norm(norm, features, {});
  return norm.forward(features);
}

}  // namespace deeplab::nn
