// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/deeplab_config.h"

#include "deeplab/backbone/backbone.h"
#include "deeplab/core/error.h"

namespace deeplab::model {
namespace {

void check_least(const char* key, int64_t value, int64_t least) {
  if (value >= least) return;
  throw ConfigError(str("model.", key, " is ", value, "; must be >= ", least));
}

}  // namespace

void DeepLabConfig::validate() const {
  backbone::check_backbone(backbone);
  if (decoder != "none" && decoder != "v3plus") {
    throw ConfigError(
        str("model.decoder is \"", decoder, "\"; known: none, v3plus")
    );
  }
  for (size_t i = 0; i < aspp.rates.size(); ++i) {
    check_least(str("aspp.rates[", i, "]").c_str(), aspp.rates[i], 1);
  }
  if (aspp.dropout < 0 || aspp.dropout >= 1) {
    throw ConfigError(
        str("model.aspp.dropout is ", aspp.dropout, "; must be in [0, 1)")
    );
  }
  check_least("aspp.channels", aspp.channels, 1);
  check_least(
      "decoder_options.low_level_channels",
      decoder_options.low_level_channels,
      1
  );
  check_least("decoder_options.channels", decoder_options.channels, 1);
  check_least("decoder_options.convs", decoder_options.convs.value_or(0), 0);
}

}  // namespace deeplab::model
