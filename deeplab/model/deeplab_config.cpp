// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/deeplab_config.h"

#include <algorithm>

#include "deeplab/backbone/backbone.h"
#include "deeplab/core/error.h"

namespace deeplab::model {
namespace {

template <class Value>
void check(
    const std::string& key, const Value& value, bool holds, const char* rule
) {
  if (holds) return;
  throw ConfigError(str("model.", key, " is ", value, "; must be ", rule));
}

void check_positive(const std::string& key, int64_t value) {
  check(key, value, value >= 1, ">= 1");
}

void check_positive(
    const std::string& key, const std::vector<int64_t>& values
) {
  if (values.empty()) {
    throw ConfigError(str("model.", key, " is empty; give at least one"));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    check_positive(str(key, "[", i, "]"), values[i]);
  }
}

void check_odd(const std::string& key, int64_t value) {
  check(key, value, value >= 1 && value % 2 == 1, "odd");
}

void check_dropout(const std::string& key, double value) {
  check(key, value, value >= 0 && value < 1, "in [0, 1)");
}

void check_known(
    const std::string& key,
    const std::string& value,
    const std::vector<std::string>& known
) {
  if (std::count(known.begin(), known.end(), value) > 0) return;
  std::string all;
  for (const auto& name : known) all += (all.empty() ? "" : ", ") + name;
  throw ConfigError(str("model.", key, " is \"", value, "\"; known: ", all));
}

void check_aspp(const AsppConfig& aspp) {
  check_known("aspp.fusion", aspp.fusion, {"concat", "sum"});
  for (size_t i = 0; i < aspp.rates.size(); ++i) {
    check_positive(str("aspp.rates[", i, "]"), aspp.rates[i]);
  }
  if (aspp.fusion == "sum" && aspp.rates.empty()) {
    throw ConfigError(
        "model.aspp.rates is empty; fusion \"sum\" needs at least one"
    );
  }
  to_output_stride(aspp.rates_at, "model.aspp.rates_at");
  check_positive("aspp.channels", aspp.channels);
  check_known(
      "aspp.after_depthwise", aspp.after_depthwise, {"bn_relu", "none"}
  );
  check_odd("aspp.project_kernel", aspp.project_kernel);
  check("aspp.convs", aspp.convs, aspp.convs >= 0, ">= 0");
  check_positive("aspp.hidden_channels", aspp.hidden_channels.value_or(1));
  check_dropout("aspp.dropout", aspp.dropout);
}

void check_large_fov(const LargeFovConfig& large_fov) {
  check_positive("large_fov.kernel", large_fov.kernel);
  check_positive("large_fov.rate", large_fov.rate);
  to_output_stride(large_fov.rate_at, "model.large_fov.rate_at");
  check_positive("large_fov.channels", large_fov.channels);
  check_dropout("large_fov.dropout", large_fov.dropout);
}

void check_decoder(const DecoderConfig& options) {
  check_positive(
      "decoder_options.low_level_channels", options.low_level_channels
  );
  check(
      "decoder_options.levels",
      options.levels,
      options.levels == 1 || options.levels == 2,
      "1 or 2"
  );
  check_positive("decoder_options.channels", options.channels);
  const int64_t convs = options.convs.value_or(0);
  check("decoder_options.convs", convs, convs >= 0, ">= 0");
  check_odd("decoder_options.kernel", options.kernel);
  check_known(
      "decoder_options.after_depthwise",
      options.after_depthwise,
      {"bn_relu", "none"}
  );
  for (size_t i = 0; i < options.dropout.size(); ++i) {
    check_dropout(str("decoder_options.dropout[", i, "]"), options.dropout[i]);
  }
}

void check_scales(const std::vector<double>& scales) {
  for (size_t i = 0; i < scales.size(); ++i) {
    check(
        str("scales[", i, "]"),
        scales[i],
        scales[i] > 0 && scales[i] <= 8,
        "above 0 and at most 8"
    );
  }
  if (!scales.empty() && std::count(scales.begin(), scales.end(), 1.0) != 1) {
    throw ConfigError("model.scales must hold 1 once, e.g. [0.5, 0.75, 1]");
  }
}

}  // namespace

void DeepLabConfig::validate() const {
  backbone::prepare_backbone(backbone, backbone_options);
  check_known(
      "context", context, {"aspp", "large_fov", "pyramid_pooling", "none"}
  );
  check_known(
      "decoder",
      decoder,
      {"none", "v3plus", "unet", "fcn32s", "fcn16s", "fcn8s"}
  );
  check_aspp(aspp);
  check_large_fov(large_fov);
  check_positive("pyramid_pooling.bins", pyramid_pooling.bins);
  check_decoder(decoder_options);
  check_scales(scales);
  const bool has_scores = context == "aspp" && aspp.fusion == "sum";
  const bool refines = decoder_options.convs.value_or(0) > 0;
  if (has_scores && (decoder != "none" || refines)) {
    throw ConfigError(
        "model.aspp.fusion is \"sum\", which gives scores; model.decoder must "
        "be none, without convs"
    );
  }
  const double weight = auxiliary_weight.value_or(0);
  check("auxiliary_weight", weight, weight >= 0, ">= 0");
  check("batch_norm_eps", batch_norm_eps, batch_norm_eps > 0, "> 0");
  check_known("norm", norm, {"batch", "group"});
  check("norm_groups", norm_groups, norm_groups >= 1, ">= 1");
}

void DeepLabConfig::check_output_stride(
    OutputStride stride, const std::string& subject
) const {
  const auto recipe = backbone::prepare_backbone(backbone, backbone_options);
  backbone::check_output_stride(stride, recipe.max_output_stride, subject);
}

}  // namespace deeplab::model
