// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "deeplab/weights/read_weights.h"

namespace deeplab::weights {

/// Returns true if the bytes begin like a file that torch.save wrote before
/// PyTorch 1.6.
bool looks_like_legacy(std::string_view bytes);

/// Reads a zip file of torch.save (PyTorch 1.6 and later) or TorchScript.
/// `wrapper` is the dict to read; see read_weights().
/// Throws: DataError if the file is damaged or lacks the wanted weights.
WeightsFile parse_pytorch_zip(
    const SharedBytes& bytes, const std::string& wrapper
);

/// Reads a file of torch.save before PyTorch 1.6: four pickles, a list of
/// storages, and the bytes of the storages one after the other.
/// Throws: DataError if the file is damaged or lacks the wanted weights.
WeightsFile parse_pytorch_legacy(
    const SharedBytes& bytes, const std::string& wrapper
);

}  // namespace deeplab::weights
