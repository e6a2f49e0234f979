// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/read_weights.h"

#include <algorithm>
#include <array>

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

struct Prefix {
  const char* theirs;
  const char* ours;
};

/// The parts of torchvision's segmentation networks.
constexpr std::array kAuxiliary{
    Prefix{"aux_classifier.0.", "auxiliary.convs.0.conv."},
    Prefix{"aux_classifier.1.", "auxiliary.convs.0.bn."},
    Prefix{"aux_classifier.4.", "auxiliary_classifier."},
};
constexpr std::array kDeepLabV3{
    Prefix{"classifier.0.convs.0.0.", "aspp.branches.0.conv."},
    Prefix{"classifier.0.convs.0.1.", "aspp.branches.0.bn."},
    Prefix{"classifier.0.convs.1.0.", "aspp.branches.1.conv."},
    Prefix{"classifier.0.convs.1.1.", "aspp.branches.1.bn."},
    Prefix{"classifier.0.convs.2.0.", "aspp.branches.2.conv."},
    Prefix{"classifier.0.convs.2.1.", "aspp.branches.2.bn."},
    Prefix{"classifier.0.convs.3.0.", "aspp.branches.3.conv."},
    Prefix{"classifier.0.convs.3.1.", "aspp.branches.3.bn."},
    Prefix{"classifier.0.convs.4.1.", "aspp.image_branch.conv."},
    Prefix{"classifier.0.convs.4.2.", "aspp.image_branch.bn."},
    Prefix{"classifier.0.project.0.", "aspp.project.conv."},
    Prefix{"classifier.0.project.1.", "aspp.project.bn."},
    Prefix{"classifier.1.", "decoder.convs.0.conv."},
    Prefix{"classifier.2.", "decoder.convs.0.bn."},
    Prefix{"classifier.4.", "classifier."},
};
constexpr std::array kFcn{
    Prefix{"classifier.0.", "decoder.convs.0.conv."},
    Prefix{"classifier.1.", "decoder.convs.0.bn."},
    Prefix{"classifier.4.", "classifier."},
};

template <class Table>
std::string rename(const Table& table, const std::string& name) {
  for (const auto& prefix : table) {
    const std::string theirs = prefix.theirs;
    if (name.compare(0, theirs.size(), theirs) == 0) {
      return prefix.ours + name.substr(theirs.size());
    }
  }
  return name;
}

std::string rename_classifier(const std::string& name) {
  // DeepLab cuts the network off before these (MobileNetV2's features.18 is a
  // pair of layers, VGG's is one that stays).
  constexpr std::array kClassifies{
      "fc.", "classifier.", "features.18.0.", "features.18.1."};
  for (const std::string prefix : kClassifies) {
    if (name.compare(0, prefix.size(), prefix) == 0) return name;
  }
  return "backbone." + name;
}

/// Whether a name of a classification network's first layer is there.
bool is_classifier(const StateDict& tensors) {
  constexpr std::array kFirst{
      "conv1.weight", "features.0.weight", "features.0.0.weight"};
  return std::any_of(kFirst.begin(), kFirst.end(), [&](const char* name) {
    return tensors.contains(name);
  });
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

StateDict rename_torchvision(const StateDict& tensors) {
  const bool classifier = is_classifier(tensors);
  const bool deeplab = tensors.contains("classifier.0.convs.0.0.weight");
  const bool fcn = !classifier && tensors.contains("classifier.0.weight");
  StateDict renamed;
  for (const auto& item : tensors) {
    auto name = item.key();
    if (classifier) {
      name = rename_classifier(name);
    } else if (deeplab || fcn) {
      name = deeplab ? rename(kDeepLabV3, name) : rename(kFcn, name);
      name = rename(kAuxiliary, name);
    }
    renamed.insert(name, item.value());
  }
  return renamed;
}

}  // namespace deeplab::weights
