// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/post_process.h"

#include <exception>

#include <ATen/Parallel.h>
#include <torch/types.h>

#include "deeplab/crf/energies.h"
#include "deeplab/crf/mean_field.h"

namespace deeplab::crf {
namespace {

void process_one(
    const torch::Tensor& logits,
    const torch::Tensor& image,
    const DenseCrfOptions& options,
    float* result
) {
  const auto labels = static_cast<size_t>(logits.size(0));
  const DenseCrf crf(
      options,
      {image.data_ptr<uint8_t>(), image.size(0), image.size(1), image.size(2)}
  );
  // `result` holds the energies until the probabilities are known.
  energies_of_logits(logits.data_ptr<float>(), labels, crf.pixels(), result);
  MeanField field(crf, result, labels);
  field.run();
  field.write_probabilities(result);
}

}  // namespace

torch::Tensor post_process(
    const torch::Tensor& logits,
    const torch::Tensor& images,
    const DenseCrfOptions& options
) {
  TORCH_CHECK(
      logits.dim() == 4 && images.dim() == 4 &&
          images.scalar_type() == torch::kUInt8 &&
          logits.size(0) == images.size(0) &&
          logits.size(2) == images.size(1) && logits.size(3) == images.size(2),
      "crf: expected logits [N, C, H, W] and images u8 [N, H, W, channels], got ",
      logits.sizes(), " and ", images.scalar_type(), " ", images.sizes()
  );
  if (!logits.device().is_cpu()) {
    TORCH_WARN_ONCE(
        "crf: scores on ", logits.device(), " go to the CPU for it"
    );
  }
  const auto scores =
      logits.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const auto raw = images.to(torch::kCPU).contiguous();
  auto result = torch::empty_like(scores);
  const int64_t count = scores.size(0);
  std::vector<std::exception_ptr> problems(static_cast<size_t>(count));
  const auto process = [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      try {
        process_one(scores[i], raw[i], options, result[i].data_ptr<float>());
      } catch (...) {
        problems[static_cast<size_t>(i)] = std::current_exception();
      }
    }
  };
  // A single image uses all threads itself; several images get one thread each.
  if (count == 1) {
    process(0, 1);
  } else {
    at::parallel_for(0, count, 1, process);
  }
  for (const auto& problem : problems) {
    if (problem) std::rethrow_exception(problem);
  }
  return result;
}

torch::Tensor refine(
    const torch::Tensor& logits,
    const torch::Tensor& pixels,
    const DenseCrfOptions& options
) {
  return post_process(logits.unsqueeze(0), pixels.unsqueeze(0), options)
      .squeeze(0);
}

}  // namespace deeplab::crf
