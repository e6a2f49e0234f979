// SPDX-License-Identifier: Apache-2.0
// The table of the names that other projects give to our parameters.
#include "deeplab/weights/name_map.h"

namespace deeplab::weights {
namespace {

using Rule = NameMap::Rule;
using Rules = std::vector<Rule>;
using Layout = NameMap::Layout;

Rules join(std::initializer_list<Rules> parts) {
  Rules all;
  for (const auto& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

/// torchvision's names for ASPP, which other projects use below a prefix.
Rules aspp_below(const std::string& theirs) {
  return {
      {"aspp.branches.#.conv.", theirs + "convs.{1}.0."},
      {"aspp.branches.#.bn.", theirs + "convs.{1}.1."},
      {"aspp.image_branch.conv.", theirs + "convs.4.1."},
      {"aspp.image_branch.bn.", theirs + "convs.4.2."},
      {"aspp.project.conv.", theirs + "project.0."},
      {"aspp.project.bn.", theirs + "project.1."}};
}

const Rules kBackbone{{"backbone.", "backbone."}};
const Rules kTorchvisionAuxiliary{
    {"auxiliary.convs.0.conv.", "aux_classifier.0."},
    {"auxiliary.convs.0.bn.", "aux_classifier.1."},
    {"auxiliary_classifier.", "aux_classifier.4."}};

Rules torchvision_deeplab() {
  return join(
      {aspp_below("classifier.0."),
       {{"decoder.convs.0.conv.", "classifier.1."},
        {"decoder.convs.0.bn.", "classifier.2."},
        {"classifier.", "classifier.4."}},
       kTorchvisionAuxiliary,
       kBackbone}
  );
}

Rules torchvision_fcn() {
  return join(
      {{{"decoder.convs.0.conv.", "classifier.0."},
        {"decoder.convs.0.bn.", "classifier.1."},
        {"classifier.", "classifier.4."}},
       kTorchvisionAuxiliary,
       kBackbone}
  );
}

/// VainF splits MobileNetV2 in two at the low-level features.
Rules vainf_backbone() {
  Rules rules;
  for (int i = 0; i <= 3; ++i) {
    const auto number = std::to_string(i) + ".";
    rules.push_back(
        {"backbone.features." + number, "backbone.low_level_features." + number}
    );
  }
  rules.push_back({"backbone.features.#.", "backbone.high_level_features.{1}."}
  );
  return join({rules, kBackbone});
}

Rules vainf_v3() {
  return join(
      {aspp_below("classifier.classifier.0."),
       {{"decoder.convs.0.conv.", "classifier.classifier.1."},
        {"decoder.convs.0.bn.", "classifier.classifier.2."},
        {"classifier.", "classifier.classifier.4."}},
       vainf_backbone()}
  );
}

Rules vainf_v3plus() {
  return join(
      {aspp_below("classifier.aspp."),
       {{"decoder.reduce.conv.", "classifier.project.0."},
        {"decoder.reduce.bn.", "classifier.project.1."},
        {"decoder.convs.0.conv.", "classifier.classifier.0."},
        {"decoder.convs.0.bn.", "classifier.classifier.1."},
        {"classifier.", "classifier.classifier.3."}},
       vainf_backbone()}
  );
}

/// jfzhang95's MobileNetV2 blocks have one flat list of layers: 0, 1, 3, 4, 6,
/// 7.
Rules jfzhang95() {
  return {
      {"aspp.branches.#.conv.", "aspp.aspp{1+1}.atrous_conv."},
      {"aspp.branches.#.bn.", "aspp.aspp{1+1}.bn."},
      {"aspp.image_branch.conv.", "aspp.global_avg_pool.1."},
      {"aspp.image_branch.bn.", "aspp.global_avg_pool.2."},
      {"aspp.project.conv.", "aspp.conv1."},
      {"aspp.project.bn.", "aspp.bn1."},
      {"decoder.reduce.conv.", "decoder.conv1."},
      {"decoder.reduce.bn.", "decoder.bn1."},
      {"decoder.convs.0.conv.", "decoder.last_conv.0."},
      {"decoder.convs.0.bn.", "decoder.last_conv.1."},
      {"decoder.convs.1.conv.", "decoder.last_conv.4."},
      {"decoder.convs.1.bn.", "decoder.last_conv.5."},
      {"classifier.", "decoder.last_conv.8."},
      {"backbone.features.1.conv.1.", "backbone.features.1.conv.3."},
      {"backbone.features.1.conv.2.", "backbone.features.1.conv.4."},
      {"backbone.features.#.conv.0.0.", "backbone.features.{1}.conv.0."},
      {"backbone.features.#.conv.0.1.", "backbone.features.{1}.conv.1."},
      {"backbone.features.#.conv.1.0.", "backbone.features.{1}.conv.3."},
      {"backbone.features.#.conv.1.1.", "backbone.features.{1}.conv.4."},
      {"backbone.features.#.conv.2.", "backbone.features.{1}.conv.6."},
      {"backbone.features.#.conv.3.", "backbone.features.{1}.conv.7."},
      {"backbone.", "backbone."}};
}

/// kazuto1011's ResNet, below a prefix.
Rules kazuto1011_backbone(const std::string& base) {
  const auto block = base + "layer{1+1}.block{2+1}.";
  return {
      {"backbone.conv1.", base + "layer1.conv1.conv."},
      {"backbone.bn1.", base + "layer1.conv1.bn."},
      {"backbone.layer#.#.conv1.", block + "reduce.conv."},
      {"backbone.layer#.#.bn1.", block + "reduce.bn."},
      {"backbone.layer#.#.conv2.", block + "conv3x3.conv."},
      {"backbone.layer#.#.bn2.", block + "conv3x3.bn."},
      {"backbone.layer#.#.conv3.", block + "increase.conv."},
      {"backbone.layer#.#.bn3.", block + "increase.bn."},
      {"backbone.layer#.#.downsample.0.", block + "shortcut.conv."},
      {"backbone.layer#.#.downsample.1.", block + "shortcut.bn."}};
}

/// The file trained on COCO from which kazuto1011's other networks start.
Rules kazuto1011_v1() {
  return join({kazuto1011_backbone(""), {{"classifier.", "fc."}}});
}

Rules kazuto1011() {
  Rules heads{
      {"aspp.fc6.#.", "base.aspp.c{1}."},
      {"aspp.branches.#.conv.", "base.aspp.stages.c{1}.conv."},
      {"aspp.branches.#.bn.", "base.aspp.stages.c{1}.bn."},
      {"aspp.image_branch.conv.", "base.aspp.stages.imagepool.conv.conv."},
      {"aspp.image_branch.bn.", "base.aspp.stages.imagepool.conv.bn."},
      {"aspp.project.conv.", "base.fc1.conv."},
      {"aspp.project.bn.", "base.fc1.bn."},
      {"decoder.reduce.conv.", "base.reduce.conv."},
      {"decoder.reduce.bn.", "base.reduce.bn."},
      {"decoder.convs.#.conv.", "base.fc2.conv{1+1}.conv."},
      {"decoder.convs.#.bn.", "base.fc2.conv{1+1}.bn."}};
  return join({kazuto1011_backbone("base."), heads});
}

/// DeepLabV3+ has its logits in fc2.conv3, DeepLabV3 in fc2.
Rules kazuto1011_with(const std::string& logits) {
  return join({kazuto1011(), {{"classifier.", logits}}});
}

/// timm's MobileNetV2, whose units are named by stage and by their index in it.
Rules timm_mobilenet_v2() {
  Rules rules{
      {"backbone.features.0.0.", "conv_stem."},
      {"backbone.features.0.1.", "bn1."},
      {"backbone.features.1.conv.0.0.", "blocks.0.0.conv_dw."},
      {"backbone.features.1.conv.0.1.", "blocks.0.0.bn1."},
      {"backbone.features.1.conv.1.", "blocks.0.0.conv_pw."},
      {"backbone.features.1.conv.2.", "blocks.0.0.bn2."}};
  int feature = 2;
  int stage = 1;
  for (const int count : {2, 3, 4, 3, 3, 1}) {
    for (int i = 0; i < count; ++i, ++feature) {
      const auto ours =
          "backbone.features." + std::to_string(feature) + ".conv.";
      const auto theirs =
          "blocks." + std::to_string(stage) + "." + std::to_string(i) + ".";
      rules.push_back({ours + "0.0.", theirs + "conv_pw."});
      rules.push_back({ours + "0.1.", theirs + "bn1."});
      rules.push_back({ours + "1.0.", theirs + "conv_dw."});
      rules.push_back({ours + "1.1.", theirs + "bn2."});
      rules.push_back({ours + "2.", theirs + "conv_pwl."});
      rules.push_back({ours + "3.", theirs + "bn3."});
    }
    ++stage;
  }
  return rules;
}

/// timm's resnet*c, which have three 3x3 convolutions instead of the 7x7.
Rules timm_resnet_c() {
  return {
      {"backbone.stem.0.conv.", "conv1.0."},
      {"backbone.stem.0.bn.", "conv1.1."},
      {"backbone.stem.1.conv.", "conv1.3."},
      {"backbone.stem.1.bn.", "conv1.4."},
      {"backbone.stem.2.conv.", "conv1.6."},
      {"backbone.stem.2.bn.", "bn1."},
      {"backbone.", ""}};
}

/// A separable ConvBnRelu without batch norm after its depthwise convolution.
Rules bare_separable(
    const std::string& ours, const std::string& convs, const std::string& norm
) {
  return {
      {ours + "depthwise.", convs + "0."},
      {ours + "conv.", convs + "1."},
      {ours + "bn.", norm}};
}

Rules vainf_v3plus_separable() {
  const std::string aspp = "classifier.aspp.";
  return join(
      {{{"aspp.branches.0.conv.", aspp + "convs.0.0."}},
       bare_separable(
           "aspp.branches.#.", aspp + "convs.{1}.0.body.", aspp + "convs.{1}.1."
       ),
       bare_separable(
           "decoder.convs.0.", "classifier.classifier.0.body.",
           "classifier.classifier.1."
       ),
       vainf_v3plus()}
  );
}

Rules smp_v3plus() {
  const std::string aspp = "decoder.aspp.0.";
  return join(
      {{{"aspp.branches.0.conv.", aspp + "convs.0.0."}},
       bare_separable(
           "aspp.branches.#.", aspp + "convs.{1}.0.", aspp + "convs.{1}.1."
       ),
       aspp_below(aspp),
       bare_separable("aspp.convs.0.", "decoder.aspp.1.", "decoder.aspp.2."),
       bare_separable(
           "decoder.convs.0.", "decoder.block2.0.", "decoder.block2.1."
       ),
       {{"decoder.reduce.conv.", "decoder.block1.0."},
        {"decoder.reduce.bn.", "decoder.block1.1."},
        {"classifier.", "segmentation_head.0."},
        {"backbone.", "encoder."}}}
  );
}

Rules smp_v3() {
  return join(
      {aspp_below("decoder.0."),
       {{"decoder.convs.0.conv.", "decoder.1."},
        {"decoder.convs.0.bn.", "decoder.2."},
        {"classifier.", "segmentation_head.0."},
        {"backbone.", "encoder."}}}
  );
}

/// mmsegmentation, except for the convolutions that are separable in
/// DeepLabV3+.
Rules mmseg_v3() {
  const std::string head = "decode_head.";
  return {
      {"backbone.stem.0.conv.", "backbone.stem.0."},
      {"backbone.stem.0.bn.", "backbone.stem.1."},
      {"backbone.stem.1.conv.", "backbone.stem.3."},
      {"backbone.stem.1.bn.", "backbone.stem.4."},
      {"backbone.stem.2.conv.", "backbone.stem.6."},
      {"backbone.stem.2.bn.", "backbone.stem.7."},
      {"backbone.", "backbone."},
      {"aspp.image_branch.", head + "image_pool.1."},
      {"aspp.branches.#.", head + "aspp_modules.{1}."},
      {"aspp.project.", head + "bottleneck."},
      {"decoder.reduce.", head + "c1_bottleneck."},
      {"classifier.", head + "conv_seg."},
      {"auxiliary.convs.0.", "auxiliary_head.convs.0."},
      {"auxiliary_classifier.", "auxiliary_head.conv_seg."}};
}

Rules mmseg_v3plus() {
  Rules rules{{"aspp.branches.0.", "decode_head.aspp_modules.0."}};
  const auto add = [&](const std::string& ours, const std::string& theirs) {
    rules.push_back({ours + "depthwise.", theirs + "depthwise_conv."});
    rules.push_back({ours, theirs + "pointwise_conv."});
  };
  add("aspp.branches.#.", "decode_head.aspp_modules.{1}.");
  add("decoder.convs.#.", "decode_head.sep_bottleneck.{1}.");
  return join({rules, mmseg_v3()});
}

/// Adds the rules for a convolution and its batch norm, in TensorFlow's scopes.
void add_scope(Rules& rules, const Rule& conv, const std::string& norm) {
  rules.push_back({conv.ours, conv.theirs + "/"});
  rules.push_back({norm, conv.theirs + "/BatchNorm/"});
}

/// DeepLabV3+ on an Xception with the given numbers of blocks in its entry and
/// middle flow.
Rules tensorflow(const std::string& name, int entry_blocks, int middle_units) {
  Rules rules;
  const auto add = [&](const std::string& ours, const std::string& theirs) {
    add_scope(rules, {ours + "conv.", theirs}, ours + "bn.");
  };
  const auto add_separable = [&](const std::string& ours,
                                 const std::string& theirs) {
    add(ours + "depthwise.", theirs + "_depthwise");
    add(ours, theirs + "_pointwise");
  };
  const auto add_block = [&](int block, const std::string& theirs) {
    const auto ours = "backbone.blocks." + std::to_string(block) + ".";
    const auto scope = name + "/" + theirs + "/xception_module/";
    add(ours + "shortcut.", scope + "shortcut");
    for (const auto* i : {"1", "2", "3"}) {
      const auto conv = ours + "stack.conv" + i + ".";
      const auto separable = scope + "separable_conv" + i;
      add_scope(
          rules, {conv + "conv_dw.", separable + "_depthwise"}, conv + "bn_dw."
      );
      add_scope(
          rules, {conv + "conv_pw.", separable + "_pointwise"}, conv + "bn_pw."
      );
    }
  };
  add("backbone.stem.0.", name + "/entry_flow/conv1_1");
  add("backbone.stem.1.", name + "/entry_flow/conv1_2");
  int block = 0;
  for (int i = 1; i <= entry_blocks; ++i) {
    add_block(block++, "entry_flow/block" + std::to_string(i) + "/unit_1");
  }
  for (int i = 1; i <= middle_units; ++i) {
    add_block(block++, "middle_flow/block1/unit_" + std::to_string(i));
  }
  add_block(block++, "exit_flow/block1/unit_1");
  add_block(block, "exit_flow/block2/unit_1");
  add("aspp.image_branch.", "image_pooling");
  add("aspp.branches.0.", "aspp0");
  add_separable("aspp.branches.#.", "aspp{1}");
  add("aspp.project.", "concat_projection");
  add("decoder.reduce.", "decoder/feature_projection0");
  add_separable("decoder.convs.#.", "decoder/decoder_conv{1}");
  rules.push_back({"classifier.", "logits/semantic/"});
  return rules;
}

/// Chollet's Xception in timm's legacy_xception and in Cadene's project. The
/// layers of a block are counted together with its ReLUs, of which the first
/// block has one less.
Rules legacy_xception() {
  Rules rules{
      {"backbone.stem.0.conv.", "conv1."},
      {"backbone.stem.0.bn.", "bn1."},
      {"backbone.stem.1.conv.", "conv2."},
      {"backbone.stem.1.bn.", "bn2."},
      {"backbone.blocks.#.shortcut.conv.", "block{1+1}.skip."},
      {"backbone.blocks.#.shortcut.bn.", "block{1+1}.skipbn."}};
  const auto add = [&](const std::string& ours, const std::string& conv,
                       const std::string& norm) {
    rules.push_back({ours + "conv_dw.", conv + "conv1."});
    rules.push_back({ours + "conv_pw.", conv + "pointwise."});
    rules.push_back({ours + "bn_pw.", norm});
  };
  add("backbone.blocks.0.stack.conv1.", "block1.rep.0.", "block1.rep.1.");
  add("backbone.blocks.0.stack.conv2.", "block1.rep.3.", "block1.rep.4.");
  add("backbone.blocks.12.stack.conv1.", "conv3.", "bn3.");
  add("backbone.blocks.12.stack.conv2.", "conv4.", "bn4.");
  const std::string block = "block{1+1}.rep.";
  const std::string any = "backbone.blocks.#.stack.";
  add(any + "conv1.", block + "1.", block + "2.");
  add(any + "conv2.", block + "4.", block + "5.");
  add(any + "conv3.", block + "7.", block + "8.");
  return rules;
}

}  // namespace

const std::vector<NameMap>& name_maps() {
  static const std::vector<NameMap> maps{
      {"deeplab", {{"", ""}}, {}},
      // timm's ResNets, VGGs and Xceptions have these names, too.
      {"torchvision classification",
       {{"backbone.", ""}},
       {"fc.", "classifier.", "features.18.0.", "features.18.1.", "head.",
        "pre_logits."}},
      {"torchvision deeplabv3", torchvision_deeplab(), {}},
      {"torchvision fcn", torchvision_fcn(), {}},
      {"vainf deeplabv3", vainf_v3(), {}},
      {"vainf deeplabv3plus", vainf_v3plus(), {}},
      // jfzhang95's files contain each MobileNetV2 tensor twice.
      {"jfzhang95",
       jfzhang95(),
       {"backbone.low_level_features.", "backbone.high_level_features."}},
      {"vainf deeplabv3plus separable", vainf_v3plus_separable(), {}},
      {"smp deeplabv3", smp_v3(), {"encoder.features.18."}},
      {"smp deeplabv3plus", smp_v3plus(), {"encoder.features.18."}},
      {"mmseg deeplabv3", mmseg_v3(), {}},
      {"mmseg deeplabv3plus", mmseg_v3plus(), {}},
      {"kazuto1011 deeplabv1", kazuto1011_v1(), {}},
      {"kazuto1011 deeplabv2", kazuto1011(), {}},
      {"kazuto1011 deeplabv3", kazuto1011_with("base.fc2."), {}},
      {"kazuto1011 deeplabv3plus", kazuto1011_with("base.fc2.conv3."), {}},
      {"timm mobilenetv2",
       timm_mobilenet_v2(),
       {"conv_head.", "bn2.", "classifier."}},
      {"timm resnet-c", timm_resnet_c(), {"fc."}},
      {"tensorflow xception_41",
       tensorflow("xception_41", 3, 8),
       {},
       Layout::kTensorFlow},
      {"tensorflow xception_65",
       tensorflow("xception_65", 3, 16),
       {},
       Layout::kTensorFlow},
      {"tensorflow xception_71",
       tensorflow("xception_71", 5, 16),
       {},
       Layout::kTensorFlow},
      {"legacy xception", legacy_xception(), {"fc.", "last_linear."}},
  };
  return maps;
}

}  // namespace deeplab::weights
