// SPDX-License-Identifier: Apache-2.0
#include "data/npy.h"

#include "deeplab/core/atomic_file.h"

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

}  // namespace deeplab::data
