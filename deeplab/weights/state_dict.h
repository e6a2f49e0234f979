// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/ordered_dict.h>

namespace deeplab::weights {

/// Tensors by name, in the order of the file or of the module.
using StateDict = torch::OrderedDict<std::string, torch::Tensor>;

/// Returns the parameters and buffers of a module, without copying them.
StateDict state_dict(const torch::nn::Module& module);

/// The result of load_state(), for each name.
struct LoadReport {
  /// The project whose names the file had; empty if it was not determined.
  std::string project;
  /// What was removed from the beginning of the file's names; mostly empty.
  std::string prefix;
  /// See WeightsFile.
  std::string wrapper;
  std::vector<std::string> others;
  std::vector<std::string> loaded;
  /// Tensors that the file lacks; the module keeps its values.
  std::vector<std::string> missing;
  /// Tensors that the module lacks; they are not used.
  std::vector<std::string> unexpected;
  /// Tensors with another shape in the file; the module keeps its values. Each
  /// entry is "name [a] != [b]".
  std::vector<std::string> mismatched;

  /// Likely causes of the differences, e.g. another number of classes, or
  /// convolutions that are separable in the file or in the module only.
  std::vector<std::string> hints;

  bool complete() const { return missing.empty() && mismatched.empty(); }
  /// Throws: DataError naming the file `path`, unless it is complete.
  void require_complete(const std::string& path) const;
  /// Returns a few lines for people: counts, and names by their groups.
  std::string summary() const;
};

/// Copies the tensors whose name and shape match into the module; their memory
/// format, type and device may differ. A missing "num_batches_tracked" is not
/// reported, because nothing reads these counters.
LoadReport load_state(torch::nn::Module& module, const StateDict& tensors);

/// Returns the entries whose names begin with `prefix`, and removes the prefix
/// from the names.
StateDict with_prefix(const StateDict& tensors, const std::string& prefix);

}  // namespace deeplab::weights
