// SPDX-License-Identifier: Apache-2.0
#include "data/loader.h"

#include <algorithm>
#include <deque>

#include <fmt/core.h>
#include <torch/types.h>

#include "data/tensors.h"
#include "data/worker_pool.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

Batch stack(std::vector<Sample> samples) {
  Batch batch;
  std::vector<torch::Tensor> images;
  std::vector<torch::Tensor> labels;
  for (auto& sample : samples) {
    images.push_back(std::move(sample.image));
    labels.push_back(std::move(sample.labels));
    batch.names.push_back(std::move(sample.name));
  }
  batch.images = torch::stack(images);
  batch.labels = torch::stack(labels);
  return batch;
}

class Loader {
 public:
  Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options)
      : dataset_(std::move(dataset)),
        options_(options),
        workers_(options.workers) {
    const int64_t size = dataset_->size();
    const int64_t batch = options_.batch_size;
    batches_an_epoch_ =
        options_.drop_last ? size / batch : (size + batch - 1) / batch;
    if (batches_an_epoch_ == 0) {
      throw ConfigError(fmt::format(
          "train.batch_size is {}; must be <= {}, the number of training images",
          batch, size
      ));
    }
  }

  Batch at(int64_t iteration) {
    if (ready_.empty() || ready_.front().iteration != iteration) {
      ready_.clear();
      next_ = iteration;
    }
    while (static_cast<int64_t>(ready_.size()) <= options_.prefetch) {
      ready_.push_back(begin(next_++));
    }
    auto pending = std::move(ready_.front());
    ready_.pop_front();
    std::vector<Sample> samples;
    for (auto& sample : pending.samples) samples.push_back(sample.get());
    return stack(std::move(samples));
  }

 private:
  struct Pending {
    int64_t iteration;
    std::vector<std::future<Sample>> samples;
  };

  Pending begin(int64_t iteration) {
    const int64_t epoch = iteration / batches_an_epoch_;
    const int64_t first = iteration % batches_an_epoch_ * options_.batch_size;
    const int64_t last =
        std::min(first + options_.batch_size, dataset_->size());
    const auto& order = order_of(epoch);
    const int64_t own = (last - first) / options_.share.processes;
    const int64_t start = first + options_.share.rank * own;
    Pending pending{iteration, {}};
    for (int64_t i = start; i < start + own; ++i) {
      const int64_t index = order[static_cast<size_t>(i)];
      pending.samples.push_back(workers_.submit([this, epoch, index] {
        return make_sample(epoch, index);
      }));
    }
    return pending;
  }

  const std::vector<int64_t>& order_of(int64_t epoch) {
    if (epoch != order_epoch_) {
      Random random(mix_seed({options_.seed, static_cast<uint64_t>(epoch)}));
      order_ = dataset_->order(random);
      order_epoch_ = epoch;
    }
    return order_;
  }

  Sample make_sample(int64_t epoch, int64_t index) const {
    Random random(mix_seed(
        {options_.seed, static_cast<uint64_t>(epoch),
         static_cast<uint64_t>(index)}
    ));
    const auto& normalization = options_.normalization;
    return to_sample(
        augment(dataset_->load(index), options_.augment, normalization, random),
        normalization
    );
  }

  std::shared_ptr<const Dataset> dataset_;
  LoaderOptions options_;
  int64_t batches_an_epoch_ = 0;
  std::vector<int64_t> order_;
  int64_t order_epoch_ = -1;
  int64_t next_ = 0;
  std::deque<Pending> ready_;
  // Declared last, so that its threads end before the members that they use are
  // destroyed.
  WorkerPool<Sample> workers_;
};

}  // namespace

BatchSource make_loader(
    std::shared_ptr<const Dataset> dataset, const LoaderOptions& options
) {
  options.augment.validate();
  auto loader = std::make_shared<Loader>(std::move(dataset), options);
  return [loader](int64_t iteration) { return loader->at(iteration); };
}

SampleSource make_sample_source(
    std::shared_ptr<const Dataset> dataset, const Normalization& normalization
) {
  const int64_t size = dataset->size();
  return {size, [dataset = std::move(dataset), normalization](int64_t index) {
            const auto raw = dataset->load(index);
            auto sample = to_sample(raw, normalization);
            sample.pixels = to_pixels(raw.image);
            return sample;
          }};
}

}  // namespace deeplab::data
