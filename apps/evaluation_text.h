// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "deeplab/core/config_io.h"
#include "deeplab/engine/evaluation.h"

namespace deeplab::apps {

/// Scores of a data set as JSON: mean_iou, ..., class_iou by name.
Json scores_json(
    const engine::Scores& scores, const std::vector<std::string>& names
);

/// All that an evaluation found: scores, trimap_mean_iou by width, boundary,
/// found_by_size, confusion (rows: truth).
Json evaluation_json(
    const engine::Evaluation& evaluation, const std::vector<std::string>& names
);

/// A warning where nothing is labelled, or all that is predicted is one class;
/// empty else.
std::string counts_warning(
    const engine::ConfusionMatrix& counted,
    const std::vector<std::string>& names
);

/// Counts of each image, {name: {class index: [9 counts]}}, for classes that
/// occur.
Json images_json(const std::map<std::string, engine::ImageCounts>& images);

/// Reads images_json() back.
/// Throws: DataError naming `subject` for anything else.
std::map<std::string, engine::ImageCounts> read_images_json(
    const Json& json, size_t num_classes, const std::string& subject
);

/// The evaluation as a text table.
std::string evaluation_table(
    const engine::Evaluation& evaluation, const std::vector<std::string>& names
);

}  // namespace deeplab::apps
