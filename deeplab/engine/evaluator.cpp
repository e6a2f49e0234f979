// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/evaluator.h"

#include <chrono>
#include <cmath>
#include <future>

#include <fmt/core.h>
#include <omp.h>

#include "deeplab/core/error.h"
#include "deeplab/metrics/largest_class.h"

namespace deeplab::engine {
namespace {

/// Runs `work` on another thread, or, without `overlap`, when its result is
/// requested.
template <class Work>
auto beside(bool overlap, Work work) {
  return std::async(
      overlap ? std::launch::async : std::launch::deferred,
      [overlap, work = std::move(work)] {
        // One thread is enough beside the network.
        if (overlap) omp_set_num_threads(1);
        return work();
      }
  );
}

/// Measures the share of the time since its creation that something takes.
class Share {
 public:
  template <class Work>
  auto timed(Work work) {
    const auto start = Clock::now();
    auto result = work();
    spent_ += Clock::now() - start;
    return result;
  }

  double of_the_time() const {
    const std::chrono::duration<double> all = Clock::now() - start_;
    return std::chrono::duration<double>(spent_) / all;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
  Clock::duration spent_{};
};

}  // namespace

void require_finite(const torch::Tensor& logits, const std::string& image) {
  // The sum is computed much faster, and is not finite if one of its terms is
  // not.
  if (std::isfinite(logits.sum().item<double>())) return;
  if (logits.isfinite().all().item<bool>()) return;
  throw Error(fmt::format(
      "{}: the network's scores for this image are not finite; the training has diverged (lower train.learning_rate), or the weights do not fit the network",
      image
  ));
}

torch::Tensor score(
    const Segmenter& segmenter, const Sample& sample, int64_t num_classes
) {
  const auto logits = segmenter(sample.image.unsqueeze(0));
  if (logits.size(1) != num_classes) {
    throw DataError(fmt::format(
        "{}: the network has scores for {} classes; expected {}, as in the data set",
        sample.name, logits.size(1), num_classes
    ));
  }
  require_finite(logits, sample.name);
  return logits.squeeze(0);
}

Evaluated evaluate(
    const Segmenter& segmenter,
    const SampleSource& samples,
    const EvaluateOptions& options
) {
  Evaluated result{metrics::Evaluation(options.counted), std::nullopt};
  if (options.post_process) result.processed.emplace(options.counted);
  Share network;
  const auto read = [&](int64_t index) {
    return beside(options.overlap, [&samples, index] {
      return samples.at(index);
    });
  };
  std::future<Sample> next;
  std::future<void> counted;
  const auto finish = [&](int64_t done) {
    counted.get();
    if (options.on_image) options.on_image(done, network.of_the_time());
  };
  if (samples.size > 0) next = read(0);
  for (int64_t index = 0; index < samples.size; ++index) {
    const auto sample = next.get();
    if (index + 1 < samples.size) next = read(index + 1);
    const auto logits = network.timed([&] {
      return score(segmenter, sample, options.counted.num_classes);
    });
    const auto prediction = metrics::largest_class(logits);
    torch::Tensor processed;
    if (options.post_process) {
      processed = metrics::largest_class(options.post_process(sample, logits));
    }
    if (index > 0) finish(index);
    counted = beside(options.overlap, [=, &result, &options] {
      result.network.add(sample.name, sample.labels, prediction);
      if (result.processed) {
        result.processed->add(sample.name, sample.labels, processed);
      }
      if (!options.on_prediction) return;
      options.on_prediction(sample, result.processed ? processed : prediction);
    });
  }
  if (samples.size > 0) finish(samples.size);
  return result;
}

}  // namespace deeplab::engine
