// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "deeplab/weights/read_weights.h"

namespace deeplab::weights {

/// Whether bytes begin like what torch.save wrote before PyTorch 1.6.
bool looks_like_legacy(std::string_view bytes);

/// A zip file of torch.save (PyTorch 1.6 and later) or TorchScript.
/// Throws: DataError.
WeightsFile parse_pytorch_zip(
    const SharedBytes& bytes, const std::string& wrapper
);

/// A file of torch.save before PyTorch 1.6: four pickles, a list of storages,
/// and their bytes one after the other.
/// Throws: DataError.
WeightsFile parse_pytorch_legacy(
    const SharedBytes& bytes, const std::string& wrapper
);

}  // namespace deeplab::weights
