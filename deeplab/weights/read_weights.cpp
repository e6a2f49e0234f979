// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/read_weights.h"

#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/weights/pickle.h"
#include "deeplab/weights/safetensors.h"
#include "deeplab/weights/zip_archive.h"

namespace deeplab::weights {
namespace {

StateDict tensors_of(const PickleDict& dict) {
  const std::string kParallel = "module.";
  StateDict tensors;
  for (const auto& [key, value] : dict.items) {
    const auto* name = std::get_if<std::string>(&key);
    const auto* tensor = std::get_if<torch::Tensor>(&value);
    if (name == nullptr || tensor == nullptr) continue;
    const bool parallel = name->compare(0, kParallel.size(), kParallel) == 0;
    const auto own = parallel ? name->substr(kParallel.size()) : *name;
    if (!tensors.contains(own)) tensors.insert(own, *tensor);
  }
  return tensors;
}

/// The dict of tensors: the root itself, or the one that it wraps.
StateDict unwrap(const PickleValue& root) {
  auto* const* dict = std::get_if<PickleDict*>(&root);
  if (dict == nullptr) throw DataError("holds no dict of tensors");
  for (const auto& [key, value] : (*dict)->items) {
    const auto* name = std::get_if<std::string>(&key);
    auto* const* inner = std::get_if<PickleDict*>(&value);
    if (name == nullptr || inner == nullptr) continue;
    if (*name == "model" || *name == "state_dict" || *name == "model_state") {
      return tensors_of(**inner);
    }
  }
  return tensors_of(**dict);
}

StateDict parse_pytorch(const std::string& bytes, const std::string& path) {
  const ZipArchive archive(bytes, path);
  const auto* pickle = archive.find("data.pkl");
  if (pickle == nullptr) {
    throw DataError(str(path, ": a zip archive, but not one of torch.save"));
  }
  if (archive.find("constants.pkl") != nullptr) {
    throw DataError(
        str(path, ": a TorchScript archive; give it as --torchscript")
    );
  }
  try {
    const Pickle parsed(*pickle, [&](const std::string& key) {
      const auto* found = archive.find("data/" + key);
      if (found == nullptr) throw DataError(str("no storage ", key));
      return *found;
    });
    return unwrap(parsed.root());
  } catch (const DataError& error) {
    throw DataError(str(path, ": ", error.what()));
  }
}

}  // namespace

StateDict read_weights(const std::string& path) {
  const auto bytes = read_file(path);
  if (looks_like_safetensors(bytes)) {
    const auto file = parse_safetensors(bytes, path);
    return file.metadata.count(kCheckpointMark) > 0
               ? with_prefix(file.tensors, kCheckpointNetwork)
               : file.tensors;
  }
  if (!looks_like_zip(bytes)) {
    throw DataError(str(
        path,
        ": neither safetensors nor the zip form of torch.save; a legacy .pth "
        "is rewritten by torch.save(torch.load(file), file)"
    ));
  }
  const auto tensors = parse_pytorch(bytes, path);
  if (tensors.is_empty()) throw DataError(str(path, ": holds no tensors"));
  return tensors;
}

}  // namespace deeplab::weights
