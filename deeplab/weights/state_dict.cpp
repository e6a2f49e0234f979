// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/state_dict.h"

#include <sstream>

#include "deeplab/core/error.h"

namespace deeplab::weights {
namespace {

constexpr size_t kShown = 5;

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

void list(
    std::ostream& stream,
    const char* title,
    const std::vector<std::string>& names
) {
  if (names.empty()) return;
  stream << "\n  " << title << " (" << names.size() << "): ";
  for (size_t i = 0; i < names.size() && i < kShown; ++i) {
    stream << (i == 0 ? "" : ", ") << names[i];
  }
  if (names.size() > kShown) stream << ", ...";
}

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

std::string LoadReport::summary() const {
  std::ostringstream stream;
  stream << loaded.size() << " tensors loaded";
  if (!project.empty()) stream << ", named as in " << project;
  list(stream, "not in the file, kept as they were", missing);
  list(stream, "of another shape, kept as they were", mismatched);
  list(stream, "in the file only, left aside", unexpected);
  return stream.str();
}

LoadReport load_state(torch::nn::Module& module, const StateDict& tensors) {
  torch::NoGradGuard no_grad;
  LoadReport report;
  const auto own = state_dict(module);
  for (const auto& item : own) {
    const auto* found = tensors.find(item.key());
    if (found == nullptr) {
      if (!ends_with(item.key(), "num_batches_tracked")) {
        report.missing.push_back(item.key());
      }
    } else if (found->sizes() != item.value().sizes()) {
      report.mismatched.push_back(
          str(item.key(), " ", found->sizes(), " != ", item.value().sizes())
      );
    } else {
      auto target = item.value();
      target.copy_(*found);
      report.loaded.push_back(item.key());
    }
  }
  for (const auto& item : tensors) {
    if (own.find(item.key()) == nullptr) {
      report.unexpected.push_back(item.key());
    }
  }
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
