// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "apps/config/run_config.h"
#include "data/dataset/dataset.h"
#include "deeplab/core/segmenter.h"
#include "deeplab/engine/evaluator.h"

namespace deeplab::apps {

/// Returns the config's CRF as a function that runs after the network; empty if
/// the config has none.
engine::PostProcess crf_of(const EvaluateConfig& config);

/// Returns the options with which the config evaluates this data set.
engine::EvaluateOptions evaluate_options(
    const RunConfig& config, const data::Dataset& dataset
);

/// Returns the share of the time that the network takes, for a progress line.
std::string network_text(double share);

/// Returns a segmenter that runs `network` at the config's scales and on the
/// config's pieces. If `memory_limit`, in bytes, is set, the pieces of each
/// image are chosen so that the process stays within the limit, and the memory
/// for the first image is printed to stderr.
/// Throws: ConfigError if the limit is too small for the network; from the
///         segmenter, DataError if no piece is small enough.
Segmenter inference_of(
    const Segmenter& network,
    const RunConfig& config,
    std::optional<double> memory_limit
);

}  // namespace deeplab::apps
