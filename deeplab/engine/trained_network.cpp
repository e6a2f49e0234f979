// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/trained_network.h"

#include <fmt/core.h>

#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "deeplab/engine/checkpoint.h"
#include "deeplab/weights/name_map.h"

namespace deeplab::engine {
namespace {

/// The parts of a run's config that describe its network.
struct Facts {
  model::DeepLabConfig model;
  Classes classes;
  Normalization normalization;
  OutputStride output_stride;
};

OutputStride stride_of(const Json& config) {
  const auto& evaluated = config.at("evaluate").at("output_stride");
  const auto& trained = config.at("train").at("output_stride");
  return to_output_stride(
      (evaluated.is_null() ? trained : evaluated).get<int64_t>(),
      "output_stride"
  );
}

Facts read_facts(const Json& config) {
  const auto& data = config.at("data");
  auto network = config.at("model");
  model::rename_former_keys(network);
  return {
      read_config<model::DeepLabConfig>(network, "model"),
      {data.at("classes").get<std::vector<std::string>>(),
       data.at("colors").get<std::vector<Color>>(),
       // Older checkpoints lack this key.
       data.value("values", std::vector<int64_t>{})},
      {data.at("mean").get<std::vector<double>>(),
       data.at("std").get<std::vector<double>>()},
      stride_of(config)};
}

}  // namespace

TrainedNetwork open_checkpoint(const std::string& path) {
  const auto checkpoint = load_checkpoint(path);
  Facts facts;
  try {
    facts = read_facts(parse_json(checkpoint.config, path));
  } catch (const ConfigError& error) {
    throw DataError(fmt::format("{}: damaged config: {}", path, error.what()));
  } catch (const Json::exception& error) {
    throw DataError(fmt::format("{}: damaged config: {}", path, error.what()));
  }
  model::DeepLab network(
      facts.model, facts.classes.size(), model::StartWeights::kUnset
  );
  weights::load_state(*network, checkpoint.trained()).require_complete(path);
  network->set_output_stride(facts.output_stride);
  return {
      network, facts.classes, facts.normalization, facts.output_stride,
      checkpoint.config};
}

}  // namespace deeplab::engine
