// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "deeplab/weights/pickle.h"

namespace deeplab::weights {

/// The weights in a pickle, wherever training scripts put them.
struct PickledWeights {
  /// In the order of the file; no name occurs twice.
  std::vector<std::pair<std::string, const PickleTensor*>> tensors;
  /// The key of the dict that contains the tensors; "" if there is no such
  /// dict.
  std::string wrapper;
  /// Other keys that contain weights, e.g. "model_ema".
  std::vector<std::string> others;
};

/// Finds a state_dict: the root itself or the dict under `wrapper`. If
/// `wrapper` is empty, it takes the first existing key of "state_dict",
/// "model_state", "model_state_dict" and "model", or the only key with weights.
/// A whole module, of Python or TorchScript, gives what its state_dict() would
/// give.
/// Throws: DataError if there are no tensors, if no key fits (it lists the
///         keys), or if several could.
PickledWeights find_weights(
    const PickleValue& root, const std::string& wrapper
);

}  // namespace deeplab::weights
