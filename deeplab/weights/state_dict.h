// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/ordered_dict.h>

namespace deeplab::weights {

/// Tensors by name, in the order of the file or module.
using StateDict = torch::OrderedDict<std::string, torch::Tensor>;

/// Parameters and buffers of a module, not copied.
StateDict state_dict(const torch::nn::Module& module);

/// What load_state() did with each name.
struct LoadReport {
  /// Whose names the file had; empty: not asked.
  std::string project;
  /// As WeightsFile's.
  std::string wrapper;
  std::vector<std::string> others;
  std::vector<std::string> loaded;
  /// In the module, not in the file: kept as they were.
  std::vector<std::string> missing;
  /// In the file, not in the module: left aside.
  std::vector<std::string> unexpected;
  /// In both with different shapes: kept as they were; "name [a] != [b]".
  std::vector<std::string> mismatched;

  /// What the differences look like: another number of classes, convolutions
  /// that are separable in one of the two.
  std::vector<std::string> hints;

  bool complete() const { return missing.empty() && mismatched.empty(); }
  /// A few lines for people: counts, and names by their groups.
  std::string summary() const;
};

/// Copies the tensors of equal name and shape into the module, whatever their
/// memory format, type or device. The counters "num_batches_tracked" may be
/// missing unreported: nothing reads them.
LoadReport load_state(torch::nn::Module& module, const StateDict& tensors);

/// A dict without the entries for which `prefix` does not match, and with
/// `prefix` cut off.
StateDict with_prefix(const StateDict& tensors, const std::string& prefix);

}  // namespace deeplab::weights
