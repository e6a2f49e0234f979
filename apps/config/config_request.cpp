// SPDX-License-Identifier: Apache-2.0
#include "apps/config/config_request.h"

#include <fmt/core.h>

#include "apps/config/protocols.h"
#include "data/kinds.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

Json read_file_config(const ConfigRequest& request) {
  auto file =
      rename_former_keys(parse_json(read_file(request.file), request.file));
  // The file is first checked on its own, so that an error message names it.
  try {
    read_run_config(file);
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("{}: {}", request.file, error.what()));
  }
  if (!request.protocol.empty()) {
    check_not_hidden(find_protocol(request.protocol), file);
  }
  return file;
}

void find_kind(Json& config) {
  const auto data = config.value("data", Json::object());
  if (!data.is_object()) return;
  set_key(
      config, "data.kind",
      data::kind_of(data.value("root", ""), data.value("kind", ""))
  );
}

/// Changes one key, by its name of today or by a former one.
void change_key(Json& config, const std::string& key, const Json& value) {
  if (key != "model.align_corners") {
    set_key(config, key, value);
    return;
  }
  Json model{{"align_corners", value}};
  model::rename_former_keys(model);
  set_key(config, "model.alignment", model["alignment"]);
}

}  // namespace

RunConfig make_config(const Json& base, const ConfigRequest& request) {
  Json config = rename_former_keys(base);
  if (!request.file.empty()) config.merge_patch(read_file_config(request));
  if (!request.protocol.empty()) set_key(config, "protocol", request.protocol);
  if (!request.network.empty()) set_key(config, "model", request.network);
  for (const auto& [key, value] : request.changes) {
    change_key(config, key, value);
  }
  if (request.finds_kind) find_kind(config);
  for (const auto& [key, value] : request.overrides) {
    change_key(config, key, value);
  }
  auto result = read_run_config(config);
  result.data.validate();
  result.evaluate.inference();
  if (result.evaluate.crf) result.evaluate.crf->options();
  if (request.check) request.check(result);
  return result;
}

}  // namespace deeplab::apps
