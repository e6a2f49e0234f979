// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/name_map.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "deeplab/weights/read_weights.h"

namespace deeplab::weights {
namespace {

using Rule = NameMap::Rule;
using Rules = std::vector<Rule>;

Rules join(std::initializer_list<Rules> parts) {
  Rules all;
  for (const auto& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

bool is_digit(char letter) {
  return std::isdigit(static_cast<unsigned char>(letter)) != 0;
}

/// Where the rest of `name` begins; its numbers go to `numbers`.
std::optional<size_t> match(
    const std::string& pattern,
    const std::string& name,
    std::vector<int64_t>& numbers
) {
  size_t at = 0;
  for (const char letter : pattern) {
    if (letter != '#') {
      if (at >= name.size() || name[at] != letter) return std::nullopt;
      ++at;
      continue;
    }
    const size_t begin = at;
    while (at < name.size() && is_digit(name[at])) ++at;
    if (at == begin || at - begin > 9) return std::nullopt;
    numbers.push_back(std::stoll(name.substr(begin, at - begin)));
  }
  return at;
}

std::string fill(const std::string& form, const std::vector<int64_t>& numbers) {
  std::string text;
  for (size_t at = 0; at < form.size(); ++at) {
    if (form[at] != '{') {
      text += form[at];
      continue;
    }
    const auto close = form.find('}', at);
    const auto place = static_cast<size_t>(form[at + 1] - '1');
    int64_t number = numbers.at(place);
    if (close > at + 2) number += std::stoll(form.substr(at + 2, close - at));
    text += std::to_string(number);
    at = close;
  }
  return text;
}

/// torchvision's ASPP, which others took over, below a name of theirs.
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

/// MobileNetV2 is cut in two at the low-level features.
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

/// MobileNetV2's blocks are flat there: layers 0, 1, 3, 4, 6, 7.
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

Rules kazuto1011() {
  const std::string block = "base.layer{1+1}.block{2+1}.";
  return {
      {"backbone.conv1.", "base.layer1.conv1.conv."},
      {"backbone.bn1.", "base.layer1.conv1.bn."},
      {"backbone.layer#.#.conv1.", block + "reduce.conv."},
      {"backbone.layer#.#.bn1.", block + "reduce.bn."},
      {"backbone.layer#.#.conv2.", block + "conv3x3.conv."},
      {"backbone.layer#.#.bn2.", block + "conv3x3.bn."},
      {"backbone.layer#.#.conv3.", block + "increase.conv."},
      {"backbone.layer#.#.bn3.", block + "increase.bn."},
      {"backbone.layer#.#.downsample.0.", block + "shortcut.conv."},
      {"backbone.layer#.#.downsample.1.", block + "shortcut.bn."},
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
}

/// V3+ has its logits in fc2.conv3, V3 in fc2.
Rules kazuto1011_with(const std::string& logits) {
  return join({kazuto1011(), {{"classifier.", logits}}});
}

/// A unit of timm's MobileNetV2: stage and place.
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

/// Chollet's Xception in timm's legacy_xception and in Cadene's: a block's
/// layers are counted with its ReLUs, which the first block has one less of.
Rules legacy_xception() {
  Rules rules{
      {"backbone.stem.0.conv.", "conv1."},
      {"backbone.stem.0.bn.", "bn1."},
      {"backbone.stem.1.conv.", "conv2."},
      {"backbone.stem.1.bn.", "bn2."},
      {"backbone.blocks.#.shortcut.conv.", "block{1+1}.skip."},
      {"backbone.blocks.#.shortcut.bn.", "block{1+1}.skipbn."}};
  const auto add = [&](const std::string& ours,
                       const std::string& conv,
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

std::optional<std::string> NameMap::theirs(const std::string& ours) const {
  for (const auto& rule : rules) {
    std::vector<int64_t> numbers;
    const auto rest = match(rule.ours, ours, numbers);
    if (rest) return fill(rule.theirs, numbers) + ours.substr(*rest);
  }
  return std::nullopt;
}

const std::vector<NameMap>& name_maps() {
  static const std::vector<NameMap> maps{
      {"deeplab", {{"", ""}}, {}},
      // timm's ResNets, VGGs and Xceptions too.
      {"torchvision classification",
       {{"backbone.", ""}},
       {"fc.",
        "classifier.",
        "features.18.0.",
        "features.18.1.",
        "head.",
        "pre_logits."}},
      {"torchvision deeplabv3", torchvision_deeplab(), {}},
      {"torchvision fcn", torchvision_fcn(), {}},
      {"vainf deeplabv3", vainf_v3(), {}},
      {"vainf deeplabv3plus", vainf_v3plus(), {}},
      // Each MobileNetV2 tensor stands there twice.
      {"jfzhang95",
       jfzhang95(),
       {"backbone.low_level_features.", "backbone.high_level_features."}},
      {"kazuto1011 deeplabv2", kazuto1011(), {}},
      {"kazuto1011 deeplabv3", kazuto1011_with("base.fc2."), {}},
      {"kazuto1011 deeplabv3plus", kazuto1011_with("base.fc2.conv3."), {}},
      {"timm mobilenetv2",
       timm_mobilenet_v2(),
       {"conv_head.", "bn2.", "classifier."}},
      {"legacy xception", legacy_xception(), {"fc.", "last_linear."}},
  };
  return maps;
}

namespace {

size_t count_matches(
    const NameMap& map, const StateDict& file, const StateDict& own
) {
  size_t matches = 0;
  for (const auto& item : own) {
    const auto name = map.theirs(item.key());
    if (name && file.contains(*name)) ++matches;
  }
  return matches;
}

bool is_left_out(const NameMap& map, const std::string& name) {
  return std::any_of(
      map.left_out.begin(),
      map.left_out.end(),
      [&](const std::string& beginning) {
        return name.compare(0, beginning.size(), beginning) == 0;
      }
  );
}

/// `count` of 0..size-1, evenly from the first to the last.
torch::Tensor spread(int64_t size, int64_t count) {
  if (count == 1) return torch::tensor({size / 2});
  return torch::linspace(
             0, static_cast<double>(size - 1), count, torch::kFloat64
  )
      .round()
      .to(torch::kInt64);
}

}  // namespace

Adopted adopt_names(const StateDict& file, const StateDict& own) {
  const NameMap* best = nullptr;
  size_t most = 0;
  for (const auto& map : name_maps()) {
    const size_t matches = count_matches(map, file, own);
    if (best != nullptr && matches <= most) continue;
    best = &map;
    most = matches;
  }
  Adopted adopted;
  adopted.project = best->project;
  std::set<std::string> used;
  for (const auto& item : own) {
    const auto name = best->theirs(item.key());
    const auto* found = name ? file.find(*name) : nullptr;
    if (found == nullptr) continue;
    adopted.tensors.insert(item.key(), *found);
    used.insert(*name);
  }
  for (const auto& item : file) {
    if (used.count(item.key()) > 0 || is_left_out(*best, item.key())) continue;
    if (!adopted.tensors.contains(item.key())) {
      adopted.tensors.insert(item.key(), item.value());
    }
  }
  decimate_vgg(file, own, adopted.tensors);
  return adopted;
}

LoadReport load_file(torch::nn::Module& network, const std::string& path) {
  const auto adopted = adopt_names(read_weights(path), state_dict(network));
  auto report = load_state(network, adopted.tensors);
  report.project = adopted.project;
  return report;
}

void decimate_vgg(
    const StateDict& file, const StateDict& own, StateDict& into
) {
  const auto* fc6 = file.find("classifier.0.weight");
  const auto* fc7 = file.find("classifier.3.weight");
  if (fc6 == nullptr || fc7 == nullptr) return;
  if (fc6->dim() != 2 ||
      fc7->sizes() != std::vector<int64_t>(2, fc6->size(0))) {
    return;
  }
  constexpr int64_t kSide = 7;
  for (const auto& item : own) {
    const auto& name = item.key();
    const bool is_fc6 = name.find("fc6.") != std::string::npos;
    const bool is_fc7 = name.find("fc7.") != std::string::npos;
    if ((!is_fc6 && !is_fc7) || into.contains(name)) continue;
    const auto& wanted = item.value();
    const auto& source = is_fc6 ? *fc6 : *fc7;
    if (wanted.size(0) > source.size(0)) continue;
    const auto channels = spread(source.size(0), wanted.size(0));
    if (wanted.dim() == 1) {
      const auto* bias =
          file.find(is_fc6 ? "classifier.0.bias" : "classifier.3.bias");
      if (bias != nullptr) into.insert(name, bias->index_select(0, channels));
      continue;
    }
    const int64_t in = wanted.size(1);
    if (is_fc7) {
      into.insert(
          name,
          source.index_select(0, channels)
              .index_select(1, spread(source.size(1), in))
              .view(wanted.sizes())
      );
    } else if (source.size(1) == in * kSide * kSide && wanted.size(2) <= kSide) {
      const auto taps = spread(kSide, wanted.size(2));
      into.insert(
          name,
          source.view({source.size(0), in, kSide, kSide})
              .index_select(0, channels)
              .index_select(2, taps)
              .index_select(3, taps)
      );
    }
  }
}

}  // namespace deeplab::weights
