// SPDX-License-Identifier: Apache-2.0
#include "data/repeated.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/core.h>

#include "data/files/listing.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

class Repeated : public Dataset {
 public:
  /// `copies` is the number of additional occurrences of each image.
  Repeated(
      std::shared_ptr<const Dataset> dataset, const std::vector<int64_t>& copies
  )
      : dataset_(std::move(dataset)) {
    for (int64_t i = 0; i < dataset_->size(); ++i) places_.push_back(i);
    for (size_t i = 0; i < copies.size(); ++i) {
      first_copy_.push_back(size());
      places_.insert(
          places_.end(), static_cast<size_t>(copies[i]), static_cast<int64_t>(i)
      );
    }
    first_copy_.push_back(size());
  }

  int64_t size() const override { return static_cast<int64_t>(places_.size()); }
  std::string id(int64_t index) const override {
    return dataset_->id(place(index));
  }
  RawSample load(int64_t index) const override {
    return dataset_->load(place(index));
  }
  const Classes& classes() const override { return dataset_->classes(); }

  std::vector<int64_t> order(Random& random) const override {
    constexpr int64_t kNear = 1000;
    // Pairs of a position in the epoch and the index that is visited there.
    std::vector<std::pair<int64_t, int64_t>> visits;
    int64_t position = 0;
    for (const int64_t image : dataset_->order(random)) {
      visits.emplace_back(position, image);
      const auto i = static_cast<size_t>(image);
      for (int64_t copy = first_copy_[i]; copy < first_copy_[i + 1]; ++copy) {
        visits.emplace_back(position + random.integer(1, kNear), copy);
      }
      ++position;
    }
    std::stable_sort(
        visits.begin(), visits.end(),
        [](const auto& one, const auto& other) {
          return one.first < other.first;
        }
    );
    std::vector<int64_t> order;
    order.reserve(visits.size());
    for (const auto& visit : visits) order.push_back(visit.second);
    return order;
  }

 private:
  int64_t place(int64_t index) const {
    return places_.at(static_cast<size_t>(index));
  }

  std::shared_ptr<const Dataset> dataset_;
  /// Maps each index of this split to an image of `dataset_`: first all images
  /// once, then the copies, grouped by image.
  std::vector<int64_t> places_;
  std::vector<int64_t> first_copy_;
};

}  // namespace

std::shared_ptr<const Dataset> repeat_images(
    std::shared_ptr<const Dataset> dataset,
    const std::string& list,
    int64_t times
) {
  std::map<std::string, int64_t> by_id;
  for (int64_t i = 0; i < dataset->size(); ++i) {
    by_id.emplace(dataset->id(i), i);
  }
  std::vector<int64_t> copies(static_cast<size_t>(dataset->size()), 0);
  for (const auto& id : read_ids(list)) {
    const auto found = by_id.find(id);
    if (found == by_id.end()) {
      throw DataError(
          fmt::format("{}: {} is not an image of the training split", list, id)
      );
    }
    copies[static_cast<size_t>(found->second)] = times - 1;
  }
  return std::make_shared<Repeated>(std::move(dataset), copies);
}

}  // namespace deeplab::data
