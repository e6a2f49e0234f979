// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/loss_table.h"

#include <algorithm>
#include <array>
#include <sstream>

#include <fmt/core.h>

#include "deeplab/core/config_io.h"
#include "deeplab/engine/region_loss.h"

namespace deeplab::engine {
namespace {

torch::Tensor plain(
    const LossConfig& /*config*/, const torch::Tensor& entropies
) {
  return entropies;
}

torch::Tensor focal(const LossConfig& config, const torch::Tensor& entropies) {
  // The power has an infinite slope at 0 if gamma is below 1.
  constexpr double kLeast = 1e-7;
  const auto doubts = (1 - (-entropies).exp()).clamp_min(kLeast);
  return doubts.pow(config.gamma) * entropies;
}

constexpr std::array kLosses{
    LossEntry{
        "cross_entropy", plain, nullptr,
        "label_smoothing hard_share hard_ramp ohem_below ohem_least boundary_weight boundary_width",
        "mean of -log p over pixels"},
    LossEntry{
        "focal", focal, nullptr,
        "gamma hard_share hard_ramp ohem_below ohem_least boundary_weight boundary_width",
        "cross-entropy with less weight on easy pixels (Lin et al. 2017)"},
    LossEntry{
        "dice", nullptr, dice_loss, "",
        "1 - Dice coefficient, mean over classes"},
    LossEntry{
        "jaccard", nullptr, jaccard_loss, "",
        "1 - soft intersection over union, mean over classes"},
    LossEntry{
        "tversky", nullptr, tversky_loss, "false_weight missed_weight",
        "Dice with separate weights for false positives and false negatives (Salehi et al. 2017)"},
    LossEntry{
        "lovasz", nullptr, lovasz_loss, "",
        "Lovasz-softmax, which optimises the mean IoU (Berman et al. 2018)"},
};

/// Throws: ConfigError if a key that the loss does not read has another value
/// than its default.
void check_keys(const LossConfig& config, const std::string& path) {
  const auto& entry = find_loss(config.kind);
  std::istringstream words(entry.keys);
  std::vector<std::string> keys{"kind", "weight"};
  for (std::string word; words >> word;) keys.push_back(word);
  const auto given = write_config(config);
  const auto defaults = write_config(LossConfig{});
  for (const auto& item : given.items()) {
    const bool is_read =
        std::find(keys.begin(), keys.end(), item.key()) != keys.end();
    if (is_read || item.value() == defaults.at(item.key())) continue;
    throw ConfigError(fmt::format(
        "{}.{} is {}; the loss {} does not use this key, only {}", path,
        item.key(), item.value().dump(), config.kind, list_names(keys)
    ));
  }
}

std::vector<std::string> pixelwise_losses() {
  std::vector<std::string> names;
  for (const auto& entry : kLosses) {
    if (entry.of_entropies != nullptr) names.emplace_back(entry.name);
  }
  return names;
}

}  // namespace

const LossEntry& find_loss(const std::string& name) {
  return find_named(kLosses, "loss", name);
}

std::vector<NamedUse> loss_uses() { return uses_of(kLosses); }

Rule known_losses() { return one_of(names_of(kLosses)); }

bool LossConfig::is_pixelwise() const {
  return find_loss(kind).of_entropies != nullptr;
}

void LossConfig::check_together(const std::string& path) const {
  const bool smooths = label_smoothing != 0;
  if (smooths && (kind != "cross_entropy" || mines() || boundary_weight != 0)) {
    throw ConfigError(fmt::format(
        "{}.label_smoothing works only with plain cross_entropy; remove hard_share, ohem_below and boundary_weight",
        path
    ));
  }
  if (!is_pixelwise() && (mines() || boundary_weight != 0)) {
    throw ConfigError(fmt::format(
        "{}.kind is \"{}\"; hard_share, ohem_below and boundary_weight work only with {}",
        path, kind, list_names(pixelwise_losses())
    ));
  }
  check_keys(*this, path);
}

}  // namespace deeplab::engine
