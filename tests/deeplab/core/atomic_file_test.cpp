// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/atomic_file.h"

#include <stdexcept>

#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab {
namespace {

size_t files_in(const std::string& folder) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    count += entry.is_regular_file() ? 1 : 0;
  }
  return count;
}

TEST(AtomicFile, MakesTheFolderAndTheFile) {
  const testing::TemporaryFolder folder;
  write_atomically(folder / "a/b.txt", [](std::ostream& out) { out << "hi"; });
  EXPECT_EQ(read_file(folder / "a/b.txt"), "hi");
  EXPECT_EQ(files_in(folder / "a"), 1U);
}

TEST(AtomicFile, KeepsTheOldFileWhenWritingFails) {
  const testing::TemporaryFolder folder;
  testing::write_text(folder / "x", "old");
  EXPECT_THROW(
      write_atomically(
          folder / "x",
          [](std::ostream& out) {
            out << "half";
            throw std::runtime_error("stop");
          }
      ),
      std::runtime_error
  );
  EXPECT_EQ(read_file(folder / "x"), "old");
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(AtomicFile, SaysWhyItCannotWrite) {
  // /dev/full behaves like a full disk, and no folder can be created in it.
  const auto message = testing::message_of<DataError>([] {
    write_atomically("/dev/full/x", [](std::ostream& out) { out << "x"; });
  });
  EXPECT_THAT(message, ::testing::StartsWith("/dev/full/x: cannot"));
}

TEST(AtomicFile, AFullDiskIsAnError) {
  EXPECT_THAT(
      testing::message_of<DataError>([] { write_file("/dev/full", "x"); }),
      ::testing::HasSubstr("/dev/full: cannot write: No space left")
  );
}

TEST(AtomicFile, FollowsALink) {
  const testing::TemporaryFolder folder;
  write_file(folder / "file", "old");
  std::filesystem::create_symlink(folder / "file", folder / "link");
  write_file(folder / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "file"), "new");
}

TEST(AtomicFile, SaysWhichFileItCannotRead) {
  EXPECT_THAT(
      testing::message_of<DataError>([] { read_file("/no/such/file"); }),
      ::testing::HasSubstr("/no/such/file: cannot open: No such file")
  );
  EXPECT_THROW(read_file("/"), DataError);
}

}  // namespace
}  // namespace deeplab
