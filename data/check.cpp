// SPDX-License-Identifier: Apache-2.0
#include "data/check.h"

#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {

CheckReport check_dataset(
    const Dataset& dataset, const std::function<void(int64_t done)>& on_image
) {
  CheckReport report;
  report.images = dataset.size();
  report.class_pixels.resize(static_cast<size_t>(dataset.classes().size()));
  for (int64_t index = 0; index < dataset.size(); ++index) {
    try {
      const auto sample = dataset.load(index);
      for (int row = 0; row < sample.labels.rows; ++row) {
        const auto* labels = sample.labels.ptr<uint8_t>(row);
        for (int column = 0; column < sample.labels.cols; ++column) {
          ++(labels[column] == kVoid ? report.void_pixels
                                     : report.class_pixels[labels[column]]);
        }
      }
    } catch (const DataError& error) {
      report.problems.emplace_back(error.what());
    }
    if (on_image) on_image(index + 1);
  }
  return report;
}

}  // namespace deeplab::data
