// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/evaluator.h"

#include <chrono>
#include <cmath>
#include <future>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <omp.h>

#include "deeplab/core/error.h"
#include "deeplab/core/run_both.h"
#include "deeplab/metrics/largest_class.h"

namespace deeplab::engine {
namespace {

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

/// Reads images in order, in batches of one size.
class Batches {
 public:
  Batches(const SampleSource& samples, int64_t most)
      : samples_(samples), most_(static_cast<size_t>(most)) {}

  /// Returns the next batch; it is empty after the last one.
  std::vector<Sample> next() {
    std::vector<Sample> batch;
    while (batch.size() < most_ && has_next()) {
      const bool fits =
          batch.empty() || next_->image.sizes() == batch[0].image.sizes();
      if (!fits) break;
      batch.push_back(*std::exchange(next_, std::nullopt));
    }
    return batch;
  }

 private:
  /// Reads the next image if it is not read yet. Returns whether there is one.
  bool has_next() {
    if (!next_ && index_ < samples_.size) next_ = samples_.at(index_++);
    return next_.has_value();
  }

  const SampleSource& samples_;
  size_t most_;
  int64_t index_ = 0;
  std::optional<Sample> next_;
};

/// Returns the scores of images of one size, float [N, num_classes, H, W].
torch::Tensor score_batch(
    const Segmenter& segmenter,
    const std::vector<Sample>& batch,
    int64_t num_classes
) {
  std::vector<torch::Tensor> images;
  images.reserve(batch.size());
  for (const auto& sample : batch) images.push_back(sample.image);
  auto logits = segmenter(torch::stack(images));
  if (logits.size(1) != num_classes) {
    throw DataError(fmt::format(
        "{}: the network has scores for {} classes; expected {}, as in the data set",
        batch[0].name, logits.size(1), num_classes
    ));
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    require_finite(logits[static_cast<int64_t>(i)], batch[i].name);
  }
  return logits;
}

/// Classes of the pixels of an image, int64 [H, W].
struct Prediction {
  torch::Tensor network;
  /// After the post-processing; undefined without it.
  torch::Tensor processed;
};

/// One pass over a data set.
class Pass {
 public:
  Pass(const Segmenter& segmenter, const EvaluateOptions& options)
      : segmenter_(segmenter),
        options_(options),
        result_{metrics::Evaluation(options.counted), std::nullopt} {
    if (options.post_process) result_.processed.emplace(options.counted);
  }

  std::vector<Prediction> predict(const std::vector<Sample>& batch) {
    const auto logits = network_.timed([&] {
      return score_batch(segmenter_, batch, options_.counted.num_classes);
    });
    std::vector<Prediction> predictions;
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto scores = logits[static_cast<int64_t>(i)];
      auto& prediction = predictions.emplace_back();
      prediction.network = metrics::largest_class(scores);
      if (!options_.post_process) continue;
      prediction.processed =
          metrics::largest_class(options_.post_process(batch[i], scores));
    }
    return predictions;
  }

  void count(
      const std::vector<Sample>& batch,
      const std::vector<Prediction>& predictions
  ) {
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto& sample = batch[i];
      const auto& [network, processed] = predictions[i];
      result_.network.add(sample.name, sample.labels, network);
      if (result_.processed) {
        result_.processed->add(sample.name, sample.labels, processed);
      }
      if (!options_.on_prediction) continue;
      options_.on_prediction(sample, result_.processed ? processed : network);
    }
  }

  /// Tells the caller that so many more images are finished.
  void report(size_t images) {
    done_ += static_cast<int64_t>(images);
    if (options_.on_image) options_.on_image(done_, network_.of_the_time());
  }

  Evaluated result() && { return std::move(result_); }

 private:
  const Segmenter& segmenter_;
  const EvaluateOptions& options_;
  Evaluated result_;
  Share network_;
  int64_t done_ = 0;
};

void evaluate_in_turn(Pass& pass, Batches& batches) {
  for (auto batch = batches.next(); !batch.empty();) {
    const auto predictions = pass.predict(batch);
    std::vector<Sample> next;
    run_both(
        [&] { next = batches.next(); }, [&] { pass.count(batch, predictions); }
    );
    pass.report(batch.size());
    batch = std::move(next);
  }
}

/// Runs `work` on another thread, without more threads inside it.
template <class Work>
auto beside(Work work) {
  return std::async(std::launch::async, [work = std::move(work)] {
    omp_set_num_threads(1);
    return work();
  });
}

void evaluate_overlapped(Pass& pass, Batches& batches) {
  const auto read = [&] { return beside([&] { return batches.next(); }); };
  std::future<size_t> counted;
  const auto finish = [&] {
    if (counted.valid()) pass.report(counted.get());
  };
  auto next = read();
  for (auto batch = next.get(); !batch.empty(); batch = next.get()) {
    next = read();
    const auto predictions = pass.predict(batch);
    finish();
    counted = beside([&pass, batch, predictions] {
      pass.count(batch, predictions);
      return batch.size();
    });
  }
  finish();
}

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
  return score_batch(segmenter, {sample}, num_classes).squeeze(0);
}

Evaluated evaluate(
    const Segmenter& segmenter,
    const SampleSource& samples,
    const EvaluateOptions& options
) {
  Pass pass(segmenter, options);
  Batches batches(samples, options.batch_size);
  if (options.overlap) {
    evaluate_overlapped(pass, batches);
  } else {
    evaluate_in_turn(pass, batches);
  }
  return std::move(pass).result();
}

}  // namespace deeplab::engine
