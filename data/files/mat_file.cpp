// SPDX-License-Identifier: Apache-2.0
#include "data/files/mat_file.h"

#include <cmath>
#include <limits>
#include <memory>

#include <fmt/core.h>
#include <matio.h>

#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

using MatFile = std::unique_ptr<mat_t, int (*)(mat_t*)>;
using Variable = std::unique_ptr<matvar_t, void (*)(matvar_t*)>;

/// Converts from MATLAB's column-major order.
template <class Value>
cv::Mat labels_of(const matvar_t& matrix) {
  const auto rows = static_cast<int>(matrix.dims[0]);
  const auto columns = static_cast<int>(matrix.dims[1]);
  const auto* values = static_cast<const Value*>(matrix.data);
  cv::Mat labels(rows, columns, CV_16UC1);
  for (int x = 0; x < columns; ++x) {
    for (int y = 0; y < rows; ++y) {
      const auto value = static_cast<double>(*values++);
      const bool fits = value >= 0 &&
                        value <= std::numeric_limits<uint16_t>::max() &&
                        value == std::floor(value);
      if (!fits) {
        throw DataError(fmt::format(
            "value {} at row {}, column {} is not a label", value, y, x
        ));
      }
      labels.at<uint16_t>(y, x) = static_cast<uint16_t>(value);
    }
  }
  return labels;
}

cv::Mat convert(const matvar_t& matrix) {
  switch (matrix.class_type) {
    case MAT_C_UINT8:
      return labels_of<uint8_t>(matrix);
    case MAT_C_UINT16:
      return labels_of<uint16_t>(matrix);
    case MAT_C_INT32:
      return labels_of<int32_t>(matrix);
    case MAT_C_DOUBLE:
      return labels_of<double>(matrix);
    default:
      throw DataError("is not a matrix of uint8, uint16, int32 or double");
  }
}

}  // namespace

cv::Mat read_mat_labels(const std::string& path, const std::string& variable) {
  const MatFile file(Mat_Open(path.c_str(), MAT_ACC_RDONLY), Mat_Close);
  if (!file) throw DataError(fmt::format("{}: not a MATLAB file", path));
  const auto dot = variable.find('.');
  const Variable outer(
      Mat_VarRead(file.get(), variable.substr(0, dot).c_str()), Mat_VarFree
  );
  matvar_t* matrix = outer.get();
  if (matrix != nullptr && dot != std::string::npos) {
    matrix = matrix->class_type == MAT_C_STRUCT
                 ? Mat_VarGetStructFieldByName(
                       matrix, variable.substr(dot + 1).c_str(), 0
                   )
                 : nullptr;
  }
  if (matrix == nullptr || matrix->data == nullptr || matrix->rank != 2 ||
      matrix->isComplex != 0) {
    throw DataError(fmt::format("{}: has no matrix {}", path, variable));
  }
  try {
    return convert(*matrix);
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}: {}", path, variable, error.what()));
  }
}

}  // namespace deeplab::data
