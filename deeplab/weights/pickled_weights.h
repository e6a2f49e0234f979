// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "deeplab/weights/pickle.h"

namespace deeplab::weights {

/// The weights that a pickle holds, wherever training scripts put them.
struct PickledWeights {
  /// In the order of the file; no name stands twice.
  std::vector<std::pair<std::string, const PickleTensor*>> tensors;
  /// The key of the dict that they are in; "" where they are not wrapped.
  std::string wrapper;
  /// Other keys with weights, e.g. "model_ema".
  std::vector<std::string> others;
};

/// Finds a state_dict: the root itself, or the dict under `wrapper`, or where
/// that is empty under the first of "state_dict", "model_state",
/// "model_state_dict", "model" that is there, or the only one. A whole module,
/// of Python or TorchScript, gives what its state_dict() would.
/// Throws: DataError that lists the keys where none of them is right.
PickledWeights find_weights(
    const PickleValue& root, const std::string& wrapper
);

}  // namespace deeplab::weights
