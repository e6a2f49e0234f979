// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "deeplab/core/config_io.h"
#include "deeplab/metrics/evaluation.h"

namespace deeplab::apps {

/// Returns the scores of a data set as JSON: mean_iou, ..., class_iou by name.
Json scores_json(
    const metrics::Scores& scores, const std::vector<std::string>& names
);

/// Returns all results of an evaluation as JSON: scores, trimap_mean_iou by
/// width, boundary, found_by_size, and confusion (rows are true classes).
Json evaluation_json(
    const metrics::Evaluation& evaluation, const std::vector<std::string>& names
);

/// Returns a warning if nothing is labelled or only one class is ever
/// predicted; empty otherwise.
std::string counts_warning(
    const metrics::ConfusionMatrix& counted,
    const std::vector<std::string>& names
);

/// Returns the counts of each image as {name: {class index: [9 counts]}}, for
/// the classes that occur.
Json images_json(const std::map<std::string, metrics::ImageCounts>& images);

/// Reads the result of images_json() back.
/// Throws: DataError naming `subject` for anything else.
std::map<std::string, metrics::ImageCounts> read_images_json(
    const Json& json, size_t num_classes, const std::string& subject
);

/// Returns the evaluation as a text table.
std::string evaluation_table(
    const metrics::Evaluation& evaluation, const std::vector<std::string>& names
);

}  // namespace deeplab::apps
