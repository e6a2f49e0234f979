// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include "deeplab/compile/convolution.h"
#include "deeplab/compile/depthwise_loops.h"

namespace deeplab::compile {
namespace {

/// Neighbouring pixels of a row whose kernels have the same columns within the
/// input: `columns` of them from `first_column` on.
struct PixelGroup {
  int64_t first;
  int64_t pixels;
  int64_t first_column;
  int64_t columns;
};

/// Returns the smallest and one more than the largest place of a kernel that
/// lies within an axis of `length`, for the kernel that begins at `start`.
std::pair<int64_t, int64_t> places_within(
    int64_t start, int64_t length, int64_t kernel, int64_t dilation
) {
  int64_t first = 0;
  while (first < kernel && start + first * dilation < 0) ++first;
  int64_t last = kernel;
  while (last > first && start + (last - 1) * dilation >= length) --last;
  return {first, last};
}

class Depthwise : public Convolution {
 public:
  Depthwise(const ConvolutionPlan& plan, const ConvolutionWeights& weights)
      : plan_(plan),
        weight_(weights.folded()
                    .to(torch::kFloat32)
                    .reshape({plan.out_channels, -1})
                    .t()
                    .contiguous()),
        bias_(weights.bias.to(torch::kFloat32).contiguous()) {}

  torch::Tensor run(torch::Tensor input, torch::Tensor residual) override {
    input = input.to(plan_.precision).contiguous(kChannelsLast);
    const auto size = plan_.output_size(input);
    auto output = at::empty(
        {input.size(0), plan_.out_channels, size[0], size[1]},
        input.options().memory_format(kChannelsLast)
    );
    if (residual.defined()) {
      residual = residual.to(plan_.precision)
                     .expand(output.sizes())
                     .contiguous(kChannelsLast);
    }
    if (plan_.precision == torch::kBFloat16) {
      compute<nn::Bfloat16>(input, residual, output);
    } else {
      compute<float>(input, residual, output);
    }
    return output.to(plan_.output);
  }

 private:
  template <class Value>
  void compute(
      const torch::Tensor& input,
      const torch::Tensor& residual,
      torch::Tensor& output
  ) const {
    const auto runs = runs_of(input.size(3), output.size(3));
    const int64_t height = output.size(2);
    const int64_t in_row = input.size(3) * plan_.in_channels;
    const int64_t out_row = output.size(3) * plan_.out_channels;
    const auto* from = static_cast<const Value*>(input.data_ptr());
    const auto* added = residual.defined()
                            ? static_cast<const Value*>(residual.data_ptr())
                            : nullptr;
    auto* to = static_cast<Value*>(output.data_ptr());
    const int64_t rows = output.size(0) * height;
    at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t top = row % height * plan_.stride[0] - plan_.padding[0];
        const int64_t in_top = row / height * input.size(2) + top;
        PixelRun<Value> line{};
        line.input =
            from + in_top * in_row - plan_.padding[1] * plan_.in_channels;
        line.residual = added == nullptr ? nullptr : added + row * out_row;
        line.output = to + row * out_row;
        compute_row(
            line, runs,
            places_within(
                top, input.size(2), plan_.kernel[0], plan_.dilation[0]
            ),
            in_row
        );
      }
    });
  }

  template <class Value>
  void compute_row(
      const PixelRun<Value>& line,
      const std::vector<PixelGroup>& runs,
      std::pair<int64_t, int64_t> kernel_rows,
      int64_t in_row
  ) const {
    const DepthwiseWeights weights{
        weight_.data_ptr<float>(),
        bias_.data_ptr<float>(),
        plan_.out_channels,
        plan_.rectifies_input,
        plan_.rectifies ? 0 : -std::numeric_limits<float>::infinity(),
        static_cast<float>(plan_.ceiling)};
    std::vector<Tap> taps;
    for (const auto& run : runs) {
      taps.clear();
      for (auto y = kernel_rows.first; y < kernel_rows.second; ++y) {
        for (int64_t x = 0; x < run.columns; ++x) {
          const int64_t column = run.first_column + x;
          taps.push_back(
              {y * plan_.dilation[0] * in_row +
                   column * plan_.dilation[1] * plan_.in_channels,
               (y * plan_.kernel[1] + column) * plan_.out_channels}
          );
        }
      }
      auto part = line;
      part.pixels = run.pixels;
      part.taps = taps.data();
      part.tap_count = static_cast<int64_t>(taps.size());
      part.input_step = plan_.stride[1] * plan_.in_channels;
      part.input += run.first * part.input_step;
      if (part.residual != nullptr) {
        part.residual += run.first * plan_.out_channels;
      }
      part.output += run.first * plan_.out_channels;
      run_depthwise(weights, part);
    }
  }

  std::vector<PixelGroup> runs_of(int64_t in_width, int64_t out_width) const {
    std::vector<PixelGroup> runs;
    for (int64_t x = 0; x < out_width; ++x) {
      const auto [first, last] = places_within(
          x * plan_.stride[1] - plan_.padding[1], in_width, plan_.kernel[1],
          plan_.dilation[1]
      );
      if (!runs.empty() && runs.back().first_column == first &&
          runs.back().columns == last - first) {
        ++runs.back().pixels;
      } else {
        runs.push_back({x, 1, first, last - first});
      }
    }
    return runs;
  }

  ConvolutionPlan plan_;
  /// [places of the kernel, channels]
  torch::Tensor weight_;
  torch::Tensor bias_;
};

}  // namespace

std::unique_ptr<Convolution> make_depthwise(
    const ConvolutionPlan& plan, const ConvolutionWeights& weights
) {
  return std::make_unique<Depthwise>(plan, weights);
}

}  // namespace deeplab::compile
