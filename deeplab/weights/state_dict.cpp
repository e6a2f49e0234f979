// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/state_dict.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "deeplab/core/error.h"

namespace deeplab::weights {
namespace {

constexpr size_t kShown = 5;

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// "backbone.layer4.0.conv1.weight" -> "backbone.layer4".
std::string group_of(const std::string& name) {
  const auto first = name.find('.');
  if (first == std::string::npos) return name;
  return name.substr(0, name.find_first_of(". ", first + 1));
}

/// Lists the names or, if there are many, their groups with counts.
void list(
    std::ostream& stream,
    const char* title,
    const std::vector<std::string>& names
) {
  if (names.empty()) return;
  stream << "\n  " << title << " (" << names.size() << "): ";
  std::vector<std::pair<std::string, size_t>> groups;
  for (const auto& name : names) {
    const auto group = names.size() <= kShown ? name : group_of(name);
    if (groups.empty() || groups.back().first != group) {
      groups.emplace_back(group, 0);
    }
    ++groups.back().second;
  }
  for (size_t i = 0; i < groups.size() && i < kShown; ++i) {
    stream << (i == 0 ? "" : ", ") << groups[i].first;
    if (groups[i].second > 1) stream << ".* (" << groups[i].second << ")";
  }
  if (groups.size() > kShown) {
    stream << ", and " << groups.size() - kShown << " groups more";
  }
}

/// Compares shapes, and finds out what kind of difference there is.
class Differences {
 public:
  void add(torch::IntArrayRef file, torch::IntArrayRef own) {
    const bool same_rest =
        file.size() == own.size() && !file.empty() &&
        std::equal(file.begin() + 1, file.end(), own.begin() + 1);
    if (same_rest) {
      const std::pair<int64_t, int64_t> counts{file[0], own[0]};
      if (!classes_) classes_ = counts;
      only_classes_ = only_classes_ && *classes_ == counts;
    } else {
      only_classes_ = false;
    }
    if (file.size() != 4 || own.size() != 4) return;
    if (file[2] > 1 && own[2] == 1) file_is_dense_ = true;
    if (file[2] == 1 && own[2] > 1) file_is_separable_ = true;
  }
  void add_unexpected(const std::string& name) {
    for (const auto* word : {"depthwise", ".body.", ".conv_dw."}) {
      if (name.find(word) != std::string::npos) file_is_separable_ = true;
    }
  }

  std::vector<std::string> hints() const {
    std::vector<std::string> hints;
    if (classes_ && only_classes_) {
      hints.push_back(fmt::format(
          "the file has {} classes, the network has {}; give the classes of the file (--classes), or train from this file, which starts with a new classifier",
          classes_->first, classes_->second
      ));
    }
    const std::string keys =
        "model.aspp.separable and model.decoder_options.separable";
    if (file_is_dense_) {
      hints.push_back(
          "the file's convolutions are not separable, the network's are: see " +
          keys
      );
    } else if (file_is_separable_) {
      hints.push_back(
          "the file's convolutions are separable, the network's are not: see " +
          keys
      );
    }
    return hints;
  }

 private:
  std::optional<std::pair<int64_t, int64_t>> classes_;
  bool only_classes_ = true;
  bool file_is_dense_ = false;
  bool file_is_separable_ = false;
};

}  // namespace

StateDict state_dict(const torch::nn::Module& module) {
  StateDict tensors;
  for (const auto& parameter : module.named_parameters()) {
    tensors.insert(parameter.key(), parameter.value());
  }
  for (const auto& buffer : module.named_buffers()) {
    tensors.insert(buffer.key(), buffer.value());
  }
  return tensors;
}

void LoadReport::require_complete(const std::string& path) const {
  if (complete()) return;
  throw DataError(
      fmt::format("{}: does not fill the network: {}", path, summary())
  );
}

std::string LoadReport::summary() const {
  std::ostringstream stream;
  stream << loaded.size() << " tensors loaded";
  if (!wrapper.empty()) stream << " from its \"" << wrapper << "\"";
  if (!project.empty()) stream << ", named as in " << project;
  if (!prefix.empty()) stream << ", after \"" << prefix << "\"";
  for (const auto& other : others) {
    stream << "\n  it also has weights under \"" << other
           << "\": train.init_key selects these";
  }
  for (const auto& hint : hints) stream << "\n  " << hint;
  list(stream, "not in the file, unchanged", missing);
  list(stream, "with another shape in the file, unchanged", mismatched);
  list(stream, "only in the file, ignored", unexpected);
  return stream.str();
}

LoadReport load_state(torch::nn::Module& module, const StateDict& tensors) {
  torch::NoGradGuard no_grad;
  LoadReport report;
  Differences differences;
  const auto own = state_dict(module);
  for (const auto& item : own) {
    const auto* found = tensors.find(item.key());
    if (found == nullptr) {
      if (!ends_with(item.key(), "num_batches_tracked")) {
        report.missing.push_back(item.key());
      }
    } else if (found->sizes() != item.value().sizes()) {
      differences.add(found->sizes(), item.value().sizes());
      report.mismatched.push_back(fmt::format(
          "{} {} != {}", item.key(), found->sizes(), item.value().sizes()
      ));
    } else {
      auto target = item.value();
      target.copy_(*found);
      report.loaded.push_back(item.key());
    }
  }
  for (const auto& item : tensors) {
    if (own.find(item.key()) == nullptr) {
      differences.add_unexpected(item.key());
      report.unexpected.push_back(item.key());
    }
  }
  report.hints = differences.hints();
  return report;
}

StateDict with_prefix(const StateDict& tensors, const std::string& prefix) {
  StateDict chosen;
  for (const auto& item : tensors) {
    if (item.key().compare(0, prefix.size(), prefix) != 0) continue;
    chosen.insert(item.key().substr(prefix.size()), item.value());
  }
  return chosen;
}

}  // namespace deeplab::weights
