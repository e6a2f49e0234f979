// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "apps/flags.h"
#include "apps/run_config.h"
#include "data/dataset.h"
#include "deeplab/engine/evaluator.h"
#include "deeplab/model/segmenter.h"

namespace deeplab::apps {

/// The CRF of a config after a network whose images were normalised so; empty
/// where it has none.
engine::PostProcess crf_of(
    const EvaluateConfig& config, const data::DataConfig& data
);

/// What a config asks an evaluation of a data set for.
engine::EvaluateOptions evaluate_options(
    const RunConfig& config, const data::Dataset& dataset
);

/// --memory-limit in bytes. Throws: ConfigError unless it is above 0.
std::optional<double> memory_limit(const Flags& flags);

/// `network` at the scales and in the pieces that the config asks for. With a
/// limit, pieces are chosen for each image so that the process stays within,
/// and what the first image needs is said on stderr.
/// Throws: from the segmenter, ConfigError where no piece is small enough.
model::Segmenter inference_of(
    const model::Segmenter& network,
    const EvaluateConfig& config,
    std::optional<double> memory_limit
);

}  // namespace deeplab::apps
