// SPDX-License-Identifier: Apache-2.0
#include "data/files/npy.h"

#include <fstream>
#include <thread>

#include <sys/stat.h>

#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::data {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

class Npy : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_ / name; }
  /// Writes a file with this type and shape, e.g. "<f4" and "(2, 3)", and these
  /// bytes; returns its path.
  std::string write(
      const std::string& type,
      const std::string& shape,
      const std::string& bytes,
      const std::string& fortran = "False"
  ) const {
    const std::string header = "{'descr': '" + type +
                               "', 'fortran_order': " + fortran +
                               ", 'shape': " + shape + ", }\n";
    std::ofstream file(path("written.npy"), std::ios::binary);
    file.write("\x93NUMPY\x01\x00", 8);
    file.put(static_cast<char>(header.size()));
    file.put(0);
    file << header << bytes;
    return path("written.npy");
  }
  std::string refusal(const std::string& file) const {
    return message_of<DataError>([&] { read_npy(file); });
  }
  testing::TemporaryFolder folder_;
};

template <class Number>
std::string bytes_of(const std::vector<Number>& values) {
  return {
      reinterpret_cast<const char*>(values.data()),
      values.size() * sizeof(Number)};
}

TEST_F(Npy, ComesBackAsItWasWritten) {
  const auto values = torch::randn({3, 4, 5});
  write_npy(path("values.npy"), values);
  EXPECT_TRUE(torch::equal(read_npy(path("values.npy")), values));
}

TEST_F(Npy, OfDoublesBecomesFloats) {
  const auto read =
      read_npy(write("<f8", "(2, 1)", bytes_of<double>({0.5, -3})));
  EXPECT_TRUE(torch::equal(read, torch::tensor({{0.5F}, {-3.0F}})));
}

TEST_F(Npy, IsReadFromAPipe) {
  const auto values = torch::randn({2, 300, 100});
  write_npy(path("values.npy"), values);
  const auto pipe = path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] {
    std::ofstream(pipe, std::ios::binary)
        << testing::read_text(path("values.npy"));
  });
  const auto read = read_npy(pipe);
  writer.join();
  EXPECT_TRUE(torch::equal(read, values));
}

TEST_F(Npy, IsRefusedWhereItIsNotWhole) {
  const auto six = bytes_of<float>({1, 2, 3, 4, 5, 6});
  EXPECT_THAT(
      refusal(write("<f4", "(2, 3)", six.substr(1))),
      HasSubstr("its header requires")
  );
  EXPECT_THAT(
      refusal(write("<f4", "(2, 3)", six + "x")),
      HasSubstr("its header requires")
  );
  EXPECT_THAT(
      refusal(write("<f4", "(2, 3000000000)", six)),
      HasSubstr("has a dimension of 3000000000, but less data")
  );
  EXPECT_THAT(
      refusal(write("<i8", "(2, 3)", six)), HasSubstr("expected float32")
  );
  EXPECT_THAT(
      refusal(write("<f4", "(2, 3)", six, "True")), HasSubstr("Fortran order")
  );
  std::ofstream(path("short.npy")) << "\x93NUM";
  EXPECT_THAT(
      refusal(path("short.npy")),
      HasSubstr("short.npy: is not a .npy file of version 1")
  );
  EXPECT_THAT(refusal(path("none.npy")), HasSubstr("cannot open"));
  EXPECT_THAT(refusal(path("")), HasSubstr("is a folder"));
}

}  // namespace
}  // namespace deeplab::data
