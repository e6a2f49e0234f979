// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/pytorch_file.h"

#include <cstring>
#include <functional>
#include <map>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/weights/pickled_weights.h"
#include "deeplab/weights/stored_tensor.h"
#include "deeplab/weights/zip_archive.h"

namespace deeplab::weights {
namespace {

/// The pickle of the number 0x1950a86a20f9469cfc6c, with which torch.save marks
/// its files.
constexpr std::string_view kLegacyMark(
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15
);

/// Finds the bytes of a storage; they need not be aligned.
using StorageSource = std::function<SharedBytes(const PickleTensor& tensor)>;

WeightsFile build(PickledWeights weights, const StorageSource& find_storage) {
  WeightsFile file;
  file.wrapper = std::move(weights.wrapper);
  file.others = std::move(weights.others);
  // Each storage is copied at most once, however many tensors share it.
  std::map<std::string_view, SharedBytes> storages;
  for (const auto& [name, tensor] : weights.tensors) {
    try {
      auto found = storages.find(tensor->storage);
      if (found == storages.end()) {
        found =
            storages.emplace(tensor->storage, aligned(find_storage(*tensor)))
                .first;
      }
      const StorageView view{tensor->offset, tensor->sizes, tensor->strides};
      file.tensors.insert(
          name, view_elements(found->second, tensor->type, view)
      );
    } catch (const DataError& error) {
      throw DataError(fmt::format("tensor {}: {}", name, error.what()));
    }
  }
  return file;
}

/// Returns the storages of a legacy file by key.
std::map<std::string_view, std::string_view> legacy_storages(
    std::string_view bytes, const Pickle& weights
) {
  std::map<std::string_view, const PickleTensor*> described;
  for (const auto& tensor : weights.tensors()) {
    described.emplace(tensor.storage, &tensor);
  }
  const Pickle keys(bytes);
  auto* const* list = std::get_if<PickleList*>(&keys.root());
  if (list == nullptr) throw DataError("has no list of storages");
  std::map<std::string_view, std::string_view> storages;
  auto rest = bytes.substr(keys.length());
  for (const auto& item : (*list)->items) {
    const auto* key = std::get_if<std::string_view>(&item);
    const auto found = key == nullptr ? described.end() : described.find(*key);
    if (found == described.end()) {
      throw DataError("has a storage that no tensor uses");
    }
    int64_t count = 0;
    if (rest.size() < sizeof(count)) throw DataError("ends early (truncated?)");
    std::memcpy(&count, rest.data(), sizeof(count));
    rest.remove_prefix(sizeof(count));
    const auto width = c10::elementSize(found->second->type);
    if (count < 0 || static_cast<uint64_t>(count) > rest.size() / width) {
      throw DataError(fmt::format(
          "storage {} has {} elements according to its header, which is beyond the end of the file (truncated?)",
          *key, count
      ));
    }
    const auto length = static_cast<size_t>(count) * width;
    storages[*key] = rest.substr(0, length);
    rest.remove_prefix(length);
  }
  return storages;
}

}  // namespace

bool looks_like_legacy(std::string_view bytes) {
  return bytes.substr(0, kLegacyMark.size()) == kLegacyMark;
}

WeightsFile parse_pytorch_zip(
    const SharedBytes& bytes, const std::string& wrapper
) {
  const ZipArchive archive(bytes.view());
  const auto* pickle = archive.find("data.pkl");
  if (pickle == nullptr) {
    throw DataError("a zip archive, but not a PyTorch file");
  }
  const Pickle parsed(*pickle);
  return build(
      find_weights(parsed.root(), wrapper),
      [&](const PickleTensor& tensor) {
        const auto* found = archive.find("data/" + std::string(tensor.storage));
        if (found == nullptr) {
          throw DataError(
              fmt::format("the storage {} is missing", tensor.storage)
          );
        }
        return bytes.part(*found);
      }
  );
}

WeightsFile parse_pytorch_legacy(
    const SharedBytes& bytes, const std::string& wrapper
) {
  auto rest = bytes.view().substr(kLegacyMark.size());
  const Pickle version(rest);
  constexpr int64_t kProtocol = 1001;
  const auto* protocol = std::get_if<int64_t>(&version.root());
  if (protocol == nullptr || *protocol != kProtocol) {
    throw DataError("a legacy file with an unknown protocol version");
  }
  rest.remove_prefix(version.length());
  const Pickle system(rest);
  rest.remove_prefix(system.length());
  const Pickle parsed(rest);
  rest.remove_prefix(parsed.length());
  const auto storages = legacy_storages(rest, parsed);
  return build(
      find_weights(parsed.root(), wrapper),
      [&](const PickleTensor& tensor) {
        const auto found = storages.find(tensor.storage);
        if (found == storages.end()) {
          throw DataError(
              fmt::format("the storage {} is missing", tensor.storage)
          );
        }
        return bytes.part(found->second);
      }
  );
}

}  // namespace deeplab::weights
