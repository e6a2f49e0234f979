// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include <fmt/core.h>

#include "deeplab/core/atomic_file.h"
#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "deeplab/weights/stored_tensor.h"

namespace deeplab::weights {
namespace {

constexpr size_t kLengthBytes = 8;
/// Enough for some 100,000 tensors; bounds the memory that a header can take.
constexpr uint64_t kLongestHeader = 16U << 20U;

struct Type {
  const char* name;
  torch::ScalarType type;
};
constexpr std::array kTypes{
    Type{"F32", torch::kFloat32}, Type{"F64", torch::kFloat64},
    Type{"F16", torch::kFloat16}, Type{"BF16", torch::kBFloat16},
    Type{"I64", torch::kInt64},   Type{"I32", torch::kInt32},
    Type{"I16", torch::kInt16},   Type{"I8", torch::kInt8},
    Type{"U8", torch::kUInt8},    Type{"BOOL", torch::kBool},
};

torch::ScalarType type_of(const std::string& name) {
  for (const auto& type : kTypes) {
    if (name == type.name) return type.type;
  }
  throw DataError(fmt::format("dtype {} is not supported", name));
}

const char* name_of(torch::ScalarType wanted) {
  for (const auto& type : kTypes) {
    if (wanted == type.type) return type.name;
  }
  throw DataError(fmt::format("cannot store dtype {}", torch::toString(wanted))
  );
}

uint64_t header_length(std::string_view bytes) {
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  return length;
}

/// Returns the number of elements. Throws if it overflows or a side is
/// negative.
uint64_t count_elements(const std::vector<int64_t>& shape) {
  uint64_t count = 1;
  for (const int64_t side : shape) {
    if (side < 0) throw DataError(fmt::format("has a dimension of {}", side));
    const auto factor = static_cast<uint64_t>(side);
    constexpr uint64_t kMost = std::numeric_limits<int64_t>::max() / 8;
    if (factor != 0 && count > kMost / factor) {
      throw DataError("has more elements than a file can hold");
    }
    count *= factor;
  }
  return count;
}

/// Reads the tensors of one file.
class Parser {
 public:
  Parser(const SharedBytes& bytes, uint64_t data_start)
      : bytes_(bytes), data_(bytes.view().substr(data_start)) {}

  torch::Tensor parse(const Json& entry) {
    const auto type = type_of(entry.at("dtype").get<std::string>());
    const auto shape = entry.at("shape").get<std::vector<int64_t>>();
    const auto begin = entry.at("data_offsets").at(0).get<uint64_t>();
    const auto end = entry.at("data_offsets").at(1).get<uint64_t>();
    if (begin > end || end > data_.size()) {
      throw DataError(fmt::format(
          "is stored at bytes {} to {}, but the file's data has {}", begin, end,
          data_.size()
      ));
    }
    const uint64_t expected = count_elements(shape) * c10::elementSize(type);
    if (end - begin != expected) {
      throw DataError(
          fmt::format("has {} bytes; its shape needs {}", end - begin, expected)
      );
    }
    taken_ += expected;
    if (taken_ > data_.size())
      throw DataError("shares bytes with another tensor");
    const auto elements =
        aligned(bytes_.part(data_.substr(begin, end - begin)));
    return view_elements(elements, type, {0, shape, dense_strides(shape)});
  }

 private:
  static std::vector<int64_t> dense_strides(const std::vector<int64_t>& shape) {
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;) {
      strides[i - 1] = strides[i] * std::max<int64_t>(1, shape[i]);
    }
    return strides;
  }

  const SharedBytes& bytes_;
  std::string_view data_;
  uint64_t taken_ = 0;
};

void check_header(std::string_view bytes, const std::string& path) {
  if (!looks_like_safetensors(bytes)) {
    throw DataError(fmt::format("{}: not a safetensors file", path));
  }
  const uint64_t length = header_length(bytes);
  if (length > bytes.size() - kLengthBytes) {
    throw DataError(fmt::format(
        "{}: should have {} bytes according to its header, but has {}; the file is truncated or damaged",
        path, length, bytes.size()
    ));
  }
  if (length > kLongestHeader) {
    throw DataError(fmt::format(
        "{}: header has {} bytes; must be at most {}", path, length,
        kLongestHeader
    ));
  }
}

}  // namespace

bool looks_like_safetensors(std::string_view bytes) {
  return bytes.size() > kLengthBytes && bytes[kLengthBytes] == '{';
}

TensorFile parse_safetensors(
    const SharedBytes& bytes, const std::string& path
) {
  const auto all = bytes.view();
  check_header(all, path);
  const auto text = all.substr(kLengthBytes, header_length(all));
  Parser parser(bytes, kLengthBytes + text.size());
  TensorFile file;
  std::string name;
  try {
    const auto header = Json::parse(text);
    for (const auto& item : header.items()) {
      name = item.key();
      if (name == "__metadata__") {
        item.value().get_to(file.metadata);
        continue;
      }
      file.tensors.insert(name, parser.parse(item.value()));
    }
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: tensor {} {}", path, name, error.what()));
  } catch (const Json::exception& error) {
    throw DataError(fmt::format("{}: damaged header: {}", path, error.what()));
  }
  return file;
}

void write_safetensors(const std::string& path, const TensorFile& file) {
  Json header = Json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  uint64_t offset = 0;
  std::vector<torch::Tensor> tensors;
  for (const auto& item : file.tensors) {
    const auto tensor = item.value().detach().cpu().contiguous();
    const uint64_t end = offset + tensor.nbytes();
    header[item.key()] = {
        {"dtype", name_of(tensor.scalar_type())},
        {"shape", tensor.sizes().vec()},
        {"data_offsets", {offset, end}}};
    offset = end;
    tensors.push_back(tensor);
  }
  std::string text = header.dump();
  text.resize(
      (text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes, ' '
  );
  write_atomically(path, [&](std::ostream& stream) {
    const uint64_t length = text.size();
    std::array<char, kLengthBytes> prefix{};
    std::memcpy(prefix.data(), &length, kLengthBytes);
    stream.write(prefix.data(), prefix.size());
    stream.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const auto& tensor : tensors) {
      stream.write(
          static_cast<const char*>(tensor.data_ptr()),
          static_cast<std::streamsize>(tensor.nbytes())
      );
    }
  });
}

}  // namespace deeplab::weights
