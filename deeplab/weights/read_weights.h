// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "deeplab/core/shared_bytes.h"
#include "deeplab/weights/state_dict.h"

namespace deeplab::weights {

/// A safetensors file is one of our checkpoints if its metadata has the key
/// kCheckpointMark. The network's tensors have the prefix kCheckpointNetwork;
/// their averages over the training, if it kept any, have kCheckpointAverages.
constexpr const char* kCheckpointMark = "deeplab_checkpoint";
constexpr const char* kCheckpointNetwork = "model.";
constexpr const char* kCheckpointAverages = "average.";

/// The contents of a file of weights.
struct WeightsFile {
  /// Views of the file's bytes; they keep the file mapped.
  StateDict tensors;
  /// The key of the dict that contained the tensors; "" if there was no such
  /// dict.
  std::string wrapper;
  /// Other keys that contain weights, e.g. "model_ema".
  std::vector<std::string> others;
};

/// Reads a file of weights: safetensors (including our checkpoints), a file
/// that torch.save wrote in zip or legacy form (with a state_dict, a dict that
/// contains one, or a whole module), or a TorchScript archive. `wrapper` names
/// the dict to read, e.g. "state_dict_ema"; "" selects the usual one, see
/// find_weights(). In files of torch.save and TorchScript, the prefixes
/// "module." and "_orig_mod." are removed from names, and "model." if all names
/// have it. Nothing in the file is executed, and memory use is bounded by the
/// file's size.
/// Throws: DataError that begins with `path`.
WeightsFile read_weights(const std::string& path, const std::string& wrapper);

/// Does the same for bytes in memory; `path` is used in messages only.
WeightsFile parse_weights(
    const SharedBytes& bytes,
    const std::string& path,
    const std::string& wrapper
);

}  // namespace deeplab::weights
