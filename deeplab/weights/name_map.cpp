// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/name_map.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "deeplab/weights/decimate_vgg.h"
#include "deeplab/weights/read_weights.h"

namespace deeplab::weights {
namespace {

bool is_digit(char letter) {
  return std::isdigit(static_cast<unsigned char>(letter)) != 0;
}

/// Returns the position at which the rest of `name` begins, and appends the
/// matched numbers to `numbers`; nullopt if `name` does not match.
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

/// Returns TensorFlow's word for the last part of a name; nullopt if it has
/// none.
std::optional<std::string> tensorflow_word(
    const std::string& scope, const std::string& word
) {
  const auto ends_with = [&](const std::string& end) {
    return scope.size() >= end.size() &&
           scope.compare(scope.size() - end.size(), end.size(), end) == 0;
  };
  const bool norm = ends_with("/BatchNorm/");
  if (word == "weight") {
    if (norm) return "gamma";
    return ends_with("_depthwise/") ? "depthwise_weights" : "weights";
  }
  if (word == "bias") return norm ? "beta" : "biases";
  if (word == "running_mean") return "moving_mean";
  if (word == "running_var") return "moving_variance";
  return std::nullopt;
}

bool is_depthwise(const std::string& tensorflow_name) {
  return tensorflow_name.find("/depthwise_weights") != std::string::npos;
}

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
      map.left_out.begin(), map.left_out.end(),
      [&](const std::string& beginning) {
        return name.compare(0, beginning.size(), beginning) == 0;
      }
  );
}

}  // namespace

std::optional<std::string> NameMap::theirs(const std::string& ours) const {
  for (const auto& rule : rules) {
    std::vector<int64_t> numbers;
    const auto rest = match(rule.ours, ours, numbers);
    if (!rest) continue;
    const auto scope = fill(rule.theirs, numbers);
    const auto word = ours.substr(*rest);
    if (layout == Layout::kPyTorch) return scope + word;
    const auto their_word = tensorflow_word(scope, word);
    if (!their_word) return std::nullopt;
    return scope + *their_word;
  }
  return std::nullopt;
}

torch::Tensor NameMap::to_ours(
    const std::string& theirs, const torch::Tensor& tensor
) const {
  if (layout == Layout::kPyTorch || tensor.dim() != 4) return tensor;
  return is_depthwise(theirs) ? tensor.permute({2, 3, 0, 1})
                              : tensor.permute({3, 2, 0, 1});
}

torch::Tensor NameMap::to_theirs(
    const std::string& theirs, const torch::Tensor& tensor
) const {
  if (layout == Layout::kPyTorch || tensor.dim() != 4) return tensor;
  return is_depthwise(theirs) ? tensor.permute({2, 3, 0, 1})
                              : tensor.permute({2, 3, 1, 0});
}

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
    adopted.tensors.insert(item.key(), best->to_ours(*name, *found));
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

LoadReport load_file(torch::nn::Module& network, const WeightsSource& source) {
  const auto file = read_weights(source.path, source.wrapper);
  const auto adopted = adopt_names(file.tensors, state_dict(network));
  auto report = load_state(network, adopted.tensors);
  report.project = adopted.project;
  report.wrapper = file.wrapper;
  report.others = file.others;
  return report;
}

}  // namespace deeplab::weights
