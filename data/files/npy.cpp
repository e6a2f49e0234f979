// SPDX-License-Identifier: Apache-2.0
#include "data/files/npy.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/core.h>

#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/system_error.h"

namespace deeplab::data {

void write_npy(const std::string& path, const torch::Tensor& values) {
  constexpr size_t kAlignment = 64;
  constexpr size_t kPreamble = 10;
  const auto floats =
      values.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  std::string shape;
  for (const int64_t side : floats.sizes()) shape += std::to_string(side) + ",";
  std::string header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
  const size_t used = kPreamble + header.size() + 1;
  header.append((kAlignment - used % kAlignment) % kAlignment, ' ');
  header += '\n';
  write_atomically(path, [&](std::ostream& stream) {
    stream.write("\x93NUMPY\x01\x00", 8);
    stream.put(static_cast<char>(header.size() & 0xffU));
    stream.put(static_cast<char>(header.size() >> 8U));
    stream << header;
    stream.write(
        static_cast<const char*>(floats.data_ptr()),
        static_cast<std::streamsize>(floats.nbytes())
    );
  });
}

namespace {

/// Returns the text after `key` in a header, up to the comma or bracket that
/// ends the value.
std::string value_of(const std::string& header, const std::string& key) {
  const auto at = header.find("'" + key + "':");
  if (at == std::string::npos) throw DataError("has no " + key);
  const auto begin = header.find_first_not_of(' ', at + key.size() + 3);
  const char last = header[begin] == '(' ? ')' : ',';
  const auto end = header.find(last, begin);
  if (end == std::string::npos) throw DataError("has a damaged " + key);
  return header.substr(begin, end - begin);
}

std::vector<int64_t> parse_shape(std::string text) {
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream words(text.substr(1));
  std::vector<int64_t> shape;
  int64_t side = 0;
  while (words >> side) shape.push_back(side);
  return shape;
}

std::string read_some(std::istream& stream, size_t count) {
  std::string bytes(count, '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<size_t>(stream.gcount()));
  return bytes;
}

/// Parses a .npy file. `size` is the size of the whole file in bytes.
torch::Tensor parse_npy(std::istream& stream, size_t size) {
  constexpr size_t kPreamble = 10;
  const auto preamble = read_some(stream, kPreamble);
  if (preamble.compare(0, 7, "\x93NUMPY\x01") != 0 ||
      preamble.size() < kPreamble) {
    throw DataError("is not a .npy file of version 1");
  }
  const auto low = static_cast<unsigned char>(preamble[8]);
  const auto high = static_cast<unsigned char>(preamble[9]);
  const size_t length = low + 256U * high;
  const auto header = read_some(stream, length);
  const auto type = value_of(header, "descr");
  const bool is_double = type == "'<f8'";
  if (!is_double && type != "'<f4'") {
    throw DataError(
        fmt::format("has the dtype {}; expected float32 or float64", type)
    );
  }
  if (value_of(header, "fortran_order") != "False") {
    throw DataError(
        "is in Fortran order; save the result of numpy.ascontiguousarray"
    );
  }
  const auto shape = parse_shape(value_of(header, "shape"));
  const size_t data = kPreamble + length;
  size_t count = is_double ? sizeof(double) : sizeof(float);
  for (const int64_t side : shape) {
    if (side < 1 || static_cast<size_t>(side) > size / count) {
      throw DataError(fmt::format("has a dimension of {}, but less data", side)
      );
    }
    count *= static_cast<size_t>(side);
  }
  if (size < data || size - data != count) {
    throw DataError(
        fmt::format("has {} bytes; its header requires {}", size, data + count)
    );
  }
  auto values =
      torch::empty(shape, is_double ? torch::kFloat64 : torch::kFloat32);
  stream.read(
      static_cast<char*>(values.data_ptr()), static_cast<std::streamsize>(count)
  );
  if (!stream) throw DataError("cannot be read completely");
  return values.to(torch::kFloat32);
}

torch::Tensor parse_stream(
    const std::string& path, std::istream& stream, size_t size
) {
  try {
    return parse_npy(stream, size);
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", path, error.what()));
  }
}

}  // namespace

torch::Tensor read_npy(const std::string& path) {
  std::error_code unknown;
  const size_t size = std::filesystem::file_size(path, unknown);
  if (!unknown) {
    errno = 0;
    std::ifstream stream(path, std::ios::binary);
    if (!stream) throw system_error(path, "open");
    return parse_stream(path, stream, size);
  }
  // The size of a pipe is known only once it has been read to its end.
  const auto bytes = read_file(path);
  std::istringstream stream(bytes);
  return parse_stream(path, stream, bytes.size());
}

}  // namespace deeplab::data
