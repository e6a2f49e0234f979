// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "deeplab/core/shared_bytes.h"
#include "deeplab/weights/state_dict.h"

namespace deeplab::weights {

/// A safetensors file is a checkpoint of ours if its metadata has this key; its
/// network's tensors are those with this prefix, and their averages over the
/// training, where it kept some, those with the other.
constexpr const char* kCheckpointMark = "deeplab_checkpoint";
constexpr const char* kCheckpointNetwork = "model.";
constexpr const char* kCheckpointAverages = "average.";

/// What a file of weights holds.
struct WeightsFile {
  /// Over the file's bytes, which they keep mapped.
  StateDict tensors;
  /// The key of the dict that they were in; "" where they are not wrapped.
  std::string wrapper;
  /// Other keys with weights, e.g. "model_ema".
  std::vector<std::string> others;
};

/// Reads a file of weights: safetensors (our checkpoints among them), what
/// torch.save wrote in zip or legacy form (a state_dict, a dict that wraps one,
/// a whole module), or a TorchScript archive. `wrapper` names the dict to take
/// ("state_dict_ema"); "" takes the usual one: see find_weights(). A leading
/// "module." of names is cut off. Nothing in the file is executed, and memory
/// is bounded by the file's size.
/// Throws: DataError that begins with `path`.
WeightsFile read_weights(const std::string& path, const std::string& wrapper);

/// The same for bytes that are there already; `path` is for messages.
WeightsFile parse_weights(
    const SharedBytes& bytes,
    const std::string& path,
    const std::string& wrapper
);

}  // namespace deeplab::weights
