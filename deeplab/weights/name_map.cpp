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

/// The names that a project gives to the tensors of a network.
std::vector<std::string> names_in(const NameMap& map, const StateDict& own) {
  std::vector<std::string> names;
  for (const auto& item : own) {
    auto name = map.theirs(item.key());
    if (name) names.push_back(std::move(*name));
  }
  return names;
}

/// Returns the beginnings of one to three words that names of the file have.
std::set<std::string> prefixes_of(const StateDict& file) {
  std::set<std::string> prefixes;
  for (const auto& item : file) {
    size_t at = 0;
    for (int words = 0; words < 3; ++words) {
      const auto dot = item.key().find('.', at);
      if (dot == std::string::npos) break;
      at = dot + 1;
      prefixes.insert(item.key().substr(0, at));
    }
  }
  return prefixes;
}

/// The names of a file, as far as they are those of a project.
struct Match {
  const NameMap* map = nullptr;
  std::string prefix;
  size_t count = 0;
};

Match best_match(const StateDict& file, const StateDict& own) {
  Match best;
  const auto try_prefix = [&](const NameMap& map, const auto& names,
                              const std::string& prefix) {
    size_t count = 0;
    for (const auto& name : names) count += file.contains(prefix + name);
    if (best.map == nullptr || count > best.count) best = {&map, prefix, count};
  };
  std::vector<std::vector<std::string>> names;
  for (const auto& map : name_maps()) {
    names.push_back(names_in(map, own));
    try_prefix(map, names.back(), "");
  }
  // If most of the file is known, its names have no prefix.
  if (2 * best.count > file.size()) return best;
  for (const auto& prefix : prefixes_of(file)) {
    for (size_t i = 0; i < names.size(); ++i) {
      try_prefix(name_maps()[i], names[i], prefix);
    }
  }
  return best;
}

StateDict without_prefix(const StateDict& file, const std::string& prefix) {
  if (prefix.empty()) return file;
  auto cut = with_prefix(file, prefix);
  for (const auto& item : file) {
    const bool has_it = item.key().compare(0, prefix.size(), prefix) == 0;
    if (!has_it && !cut.contains(item.key())) {
      cut.insert(item.key(), item.value());
    }
  }
  return cut;
}

/// Returns the logits 0 and x in place of the only logit x, if the network has
/// two classes.
torch::Tensor with_background(
    const torch::Tensor& tensor, const torch::Tensor& own
) {
  const bool lacks_one = tensor.dim() == own.dim() && tensor.dim() > 0 &&
                         tensor.size(0) == 1 && own.size(0) == 2 &&
                         tensor.sizes().slice(1) == own.sizes().slice(1);
  return lacks_one ? torch::cat({torch::zeros_like(tensor), tensor}) : tensor;
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

Adopted adopt_names(const StateDict& stored, const StateDict& own) {
  const auto match = best_match(stored, own);
  const auto* best = match.map;
  const auto file = without_prefix(stored, match.prefix);
  Adopted adopted;
  adopted.project = best->project;
  adopted.prefix = match.prefix;
  std::set<std::string> used;
  for (const auto& item : own) {
    const auto name = best->theirs(item.key());
    const auto* found = name ? file.find(*name) : nullptr;
    if (found == nullptr) continue;
    const auto tensor = best->to_ours(*name, *found);
    adopted.tensors.insert(item.key(), with_background(tensor, item.value()));
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
  return load_tensors(network, read_weights(source.path, source.wrapper));
}

LoadReport load_tensors(torch::nn::Module& network, const WeightsFile& file) {
  const auto adopted = adopt_names(file.tensors, state_dict(network));
  auto report = load_state(network, adopted.tensors);
  report.project = adopted.project;
  report.prefix = adopted.prefix;
  report.wrapper = file.wrapper;
  report.others = file.others;
  return report;
}

}  // namespace deeplab::weights
