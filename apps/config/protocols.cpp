// SPDX-License-Identifier: Apache-2.0
#include "apps/config/protocols.h"

#include <sstream>

#include <fmt/core.h>

#include "apps/config/run_config.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab::apps {
namespace {

using Settings = std::vector<ProtocolSetting>;

constexpr const char* kProtocol = "protocol";

// The sources of the values.
constexpr const char* kV1 = "V1, arXiv:1412.7062, section 4.1";
constexpr const char* kV2 = "V2, arXiv:1606.00915, section 4.1";
constexpr const char* kV2Table2 = "V2, table 2";
constexpr const char* kV2Released = "V2 as released, and kazuto1011's config";
constexpr const char* kV1Released = "V1 as released (train.prototxt)";
constexpr const char* kV3 = "V3, arXiv:1706.05587, section 4.1";
constexpr const char* kV3Fine = "V3, section 4.1 (output_stride 8)";
constexpr const char* kV3Code = "TensorFlow's train.py and core/";
constexpr const char* kNone = "the paper has no such step";
constexpr const char* kAugmented =
    "10,582 images, with the masks of Hariharan et al. 2011 (data prepare sbd)";
constexpr const char* kDepthwise =
    "TensorFlow's regularize_depthwise, which is False";

Settings operator+(Settings one, const Settings& more) {
  one.insert(one.end(), more.begin(), more.end());
  return one;
}

Settings vgg_v2() {
  return {
      {"model", R"("deeplabv2-vgg16")", "V2, table 3 (ASPP-L)"},
      {"data.train_split", R"("trainaug")", kAugmented},
      {"train.output_stride", "8", kV2},
      {"train.iterations", "20000", kV2Table2},
      {"train.batch_size", "10", kV2Table2},
      {"train.learning_rate", "0.001", kV2},
      {"train.groups",
       R"([{"prefix": "aspp.fc8.", "rate": 10, "bias_rate": 20}])",
       "V2, section 4.1: 0.01 for the classifier; its biases as released"},
      {"train.momentum", "0.9", kV2},
      {"train.weight_decay", "0.0005", kV2},
      {"train.schedule", R"("poly")", kV2Table2},
      {"train.poly_power", "0.9", kV2Table2},
      {"augment.scale_min", "0.5", "V2, section 4.1.2"},
      {"augment.scale_max", "1.5", "V2, section 4.1.2"},
      {"augment.crop", "321", kV2Released},
      {"augment.flip", "0.5", kV2Released}};
}

Settings resnet_v2() {
  return {
      {"model", R"("deeplabv2-resnet101")", "V2, table 4 (MSC, ASPP-L)"},
      {"data.train_split", R"("trainaug")", kAugmented},
      {"train.output_stride", "8", kV2},
      {"train.iterations", "20000", kV2Table2},
      {"train.batch_size", "10", kV2Table2},
      {"train.accumulate", "2", kV2Released},
      {"train.learning_rate", "0.00025", kV2Released},
      {"train.groups", R"([{"prefix": "aspp.", "rate": 10, "bias_rate": 20}])",
       kV2Released},
      {"train.momentum", "0.9", kV2},
      {"train.weight_decay", "0.0005", kV2},
      {"train.schedule", R"("poly")", kV2Table2},
      {"train.poly_power", "0.9", kV2Table2},
      {"train.update_every", "10", kV2Released},
      {"train.batch_norm", R"("frozen")", kV2Released},
      {"augment.scale_min", "0.5", "V2, section 4.1.2"},
      {"augment.scale_max", "1.5", "V2, section 4.1.2"},
      {"augment.crop", "321", kV2Released},
      {"augment.flip", "0.5", kV2Released}};
}

/// Settings that both stages of V3 have.
Settings both_stages() {
  return {
      {"train.iterations", "30000", kV3},   {"train.batch_size", "16", kV3},
      {"train.schedule", R"("poly")", kV3}, {"train.poly_power", "0.9", kV3},
      {"train.momentum", "0.9", kV3Code},   {"augment.scale_min", "0.5", kV3},
      {"augment.scale_max", "2.0", kV3},    {"augment.crop", "513", kV3},
      {"augment.flip", "0.5", kV3}};
}

Settings first_stage() {
  return both_stages() +
         Settings{
             {"data.train_split", R"("trainaug")", kAugmented},
             {"train.output_stride", "16", kV3},
             {"train.learning_rate", "0.007", kV3},
             {"train.batch_norm", R"("train")", kV3},
             {"train.batch_norm_momentum", "0.0003",
              "V3, section 4.1: decay 0.9997, which is 1 - momentum"}};
}

/// The second stage starts from the weights of the first (--init-from).
Settings second_stage() {
  return both_stages() + Settings{
                             {"train.output_stride", "8", kV3Fine},
                             {"train.learning_rate", "0.001", kV3Fine},
                             {"train.batch_norm", R"("frozen")", kV3Fine},
                             {"data.train_split", R"("trainval")",
                              "V3, section 4.1, for the test server: its mIoU "
                              "on val is of images that it learned"}};
}

Settings network(const char* preset, const char* source) {
  return {{"model", preset, source}};
}

Settings decay(const char* value) {
  return {
      {"train.weight_decay", value, kV3Code},
      {"train.depthwise_decay", "false", kDepthwise}};
}

std::vector<Protocol> make_protocols() {
  const auto v3 = network(R"("deeplabv3-resnet101")", "V3, table 6");
  const auto v3plus = network(R"("deeplabv3plus-resnet101")", "V3+, table 3");
  const auto xception =
      network(R"("deeplabv3plus-xception65")", "V3+, table 5");
  const auto resnet_decay = decay("0.0001");
  const auto xception_decay = decay("0.00004");
  return {
      {"v1",
       "DeepLabV1: VGG-16 LargeFOV, steps",
       {{"model", R"("deeplabv1-vgg16-largefov")", "V1, table 2, last row"},
        {"data.train_split", R"("trainaug")", kAugmented},
        {"train.output_stride", "8", "V1, section 3.1"},
        {"train.iterations", "6000", kV2Table2},
        {"train.batch_size", "20", kV1},
        {"train.learning_rate", "0.001", kV1},
        {"train.groups",
         R"([{"prefix": "classifier.", "rate": 10, "bias_rate": 20}])",
         "V1, section 4.1: 0.01 for the classifier; its biases as released"},
        {"train.momentum", "0.9", kV1},
        {"train.weight_decay", "0.0005", kV1},
        {"train.schedule", R"("step")", kV1},
        {"train.step_every", "2000", kV1},
        {"train.step_factor", "0.1", kV1},
        {"augment.scale_min", "1", kNone},
        {"augment.scale_max", "1", kNone},
        {"augment.crop", "321", kV1Released},
        {"augment.flip", "0.5", kV1Released}}},
      {"v2-vgg16", "DeepLabV2: VGG-16 with ASPP-L, poly", vgg_v2()},
      {"v2", "DeepLabV2: ResNet-101 on three scales, batch 10 in two pieces",
       resnet_v2()},
      {"v3", "DeepLabV3, first stage: stride 16, batch norm trained",
       v3 + first_stage() + resnet_decay},
      {"v3-fine",
       "DeepLabV3, second stage: stride 8, batch norm frozen, trainval",
       v3 + second_stage() + resnet_decay},
      {"v3plus", "DeepLabV3+ on ResNet-101, first stage, as V3's",
       v3plus + first_stage() + resnet_decay},
      {"v3plus-fine", "DeepLabV3+ on ResNet-101, second stage, as V3's",
       v3plus + second_stage() + resnet_decay},
      {"v3plus-xception", "DeepLabV3+ on Xception-65, first stage, as V3's",
       xception + first_stage() + xception_decay},
      {"v3plus-xception-fine",
       "DeepLabV3+ on Xception-65, second stage, as V3's",
       xception + second_stage() + xception_decay},
  };
}

}  // namespace

const std::vector<Protocol>& protocols() {
  static const std::vector<Protocol> kProtocols = make_protocols();
  return kProtocols;
}

const Protocol& find_protocol(std::string_view name) {
  return find_named(protocols(), "protocol", name);
}

void check_not_hidden(const Protocol& protocol, const Json& config) {
  for (const auto& setting : protocol.settings) {
    const auto* value = &config;
    std::istringstream path(setting.key);
    for (std::string part; value != nullptr && std::getline(path, part, '.');) {
      const auto found = value->is_object() ? value->find(part) : value->end();
      value = found == value->end() ? nullptr : &*found;
    }
    const auto wanted = Json::parse(setting.value);
    if (value == nullptr || *value == wanted) continue;
    // An object with a part of a network changes the protocol's network instead
    // of replacing it.
    const bool is_part = value->is_object() && !value->contains("backbone") &&
                         value->value("preset", wanted) == wanted;
    if (is_part) continue;
    throw ConfigError(fmt::format(
        "--protocol {} sets {} to {}, but the config changes it{}; remove that key from the config, or, to keep its value, write \"protocol\": \"{}\" into the config instead of giving the flag",
        protocol.name, setting.key, setting.value,
        value->is_object() ? "" : " to " + value->dump(), protocol.name
    ));
  }
}

Json expand_protocol(Json config) {
  const auto named = config.find(kProtocol);
  if (named == config.end()) return config;
  if (!named->is_string()) {
    throw ConfigError(
        fmt::format("protocol is {}; expected a protocol's name", named->dump())
    );
  }
  const auto& protocol = find_protocol(named->get<std::string>());
  config.erase(kProtocol);
  Json expanded = Json::object();
  for (const auto& setting : protocol.settings) {
    set_key(expanded, setting.key, Json::parse(setting.value));
  }
  // The config changes a part of the protocol's network.
  const auto model = config.find("model");
  if (model != config.end() && model->is_object() &&
      !model->contains("preset")) {
    expanded["model"] = Json{{"preset", expanded["model"]}};
  }
  expanded.merge_patch(config);
  return expanded;
}

}  // namespace deeplab::apps
