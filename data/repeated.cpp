// SPDX-License-Identifier: Apache-2.0
#include "data/repeated.h"

#include <map>

#include "data/file_dataset.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

class Repeated : public Dataset {
 public:
  Repeated(std::shared_ptr<const Dataset> dataset, std::vector<int64_t> places)
      : dataset_(std::move(dataset)), places_(std::move(places)) {}

  int64_t size() const override { return static_cast<int64_t>(places_.size()); }
  std::string id(int64_t index) const override {
    return dataset_->id(place(index));
  }
  RawSample load(int64_t index) const override {
    return dataset_->load(place(index));
  }
  const Classes& classes() const override { return dataset_->classes(); }

 private:
  int64_t place(int64_t index) const {
    return places_.at(static_cast<size_t>(index));
  }

  std::shared_ptr<const Dataset> dataset_;
  std::vector<int64_t> places_;
};

}  // namespace

std::shared_ptr<const Dataset> repeat_images(
    std::shared_ptr<const Dataset> dataset,
    const std::string& list,
    int64_t times
) {
  std::map<std::string, int64_t> by_id;
  std::vector<int64_t> places;
  for (int64_t i = 0; i < dataset->size(); ++i) {
    by_id.emplace(dataset->id(i), i);
    places.push_back(i);
  }
  for (const auto& id : read_ids(list)) {
    const auto found = by_id.find(id);
    if (found == by_id.end()) {
      throw DataError(str(list, ": ", id, " is no image of the training split")
      );
    }
    places.insert(places.end(), static_cast<size_t>(times - 1), found->second);
  }
  return std::make_shared<Repeated>(std::move(dataset), std::move(places));
}

}  // namespace deeplab::data
