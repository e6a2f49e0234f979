// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "apps/config/run_config.h"
#include "data/dataset/dataset.h"
#include "deeplab/core/segmenter.h"
#include "deeplab/engine/evaluator.h"

namespace deeplab::apps {

/// The CRF of a config, run after the network; empty if it has none.
engine::PostProcess crf_of(const EvaluateConfig& config);

/// What a config asks an evaluation of a data set for.
engine::EvaluateOptions evaluate_options(
    const RunConfig& config, const data::Dataset& dataset
);

/// `network` at the scales and in the pieces that the config asks for. With a
/// limit, pieces are chosen for each image so that the process stays within,
/// and what the first image needs is said on stderr.
/// Throws: from the segmenter, ConfigError where no piece is small enough.
Segmenter inference_of(
    const Segmenter& network,
    const EvaluateConfig& config,
    std::optional<double> memory_limit
);

}  // namespace deeplab::apps
