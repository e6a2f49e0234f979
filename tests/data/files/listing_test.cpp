// SPDX-License-Identifier: Apache-2.0
#include "data/files/listing.h"

#include <filesystem>

#include "data/files/text_file.h"
#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::write_text;

/// Encodes ASCII as UTF-16 with a byte order mark.
std::string utf16(const std::string& text, bool big_endian) {
  std::string bytes = big_endian ? "\xfe\xff" : "\xff\xfe";
  for (const char letter : text) {
    bytes += big_endian ? '\0' : letter;
    bytes += big_endian ? letter : '\0';
  }
  return bytes;
}

TEST(TextFile, IsUtf8FromEveryEncodingWithAMark) {
  EXPECT_EQ(decode_text("\xef\xbb\xbfone", ""), "one");
  EXPECT_EQ(decode_text(utf16("one\r\n", false), ""), "one\r\n");
  EXPECT_EQ(decode_text(utf16("one", true), ""), "one");
  // One letter of each length in UTF-8: e with acute accent, the Chinese
  // letter U+9053, and U+1F600, which UTF-16 stores as a pair.
  const std::string big("\xfe\xff\x00\xe9\x90\x53\xd8\x3d\xde\x00", 10);
  EXPECT_EQ(decode_text(big, ""), "\xc3\xa9\xe9\x81\x93\xf0\x9f\x98\x80");
  EXPECT_EQ(decode_text("\xe9", ""), "\xe9");
  for (const auto& damaged :
       {std::string("\xfe\xff\x00", 3), std::string("\xfe\xff\xd8\x3d", 4),
        std::string("\xfe\xff\xde\x00", 4)}) {
    EXPECT_THAT(
        message_of<DataError>([&] { decode_text(damaged, "list.txt"); }),
        HasSubstr("list.txt: is damaged UTF-16; save it as UTF-8")
    );
  }
}

class List : public ::testing::Test {
 protected:
  std::vector<std::string> ids(const std::string& bytes) const {
    write_text(folder_ / "list.txt", bytes);
    return read_ids(folder_ / "list.txt");
  }
  testing::TemporaryFolder folder_;
};

TEST_F(List, HasAnIdOnEachLineHoweverItWasSaved) {
  EXPECT_THAT(ids("a\nb\n"), ElementsAre("a", "b"));
  EXPECT_THAT(
      ids("\xef\xbb\xbf"
          "a\r\nb"),
      ElementsAre("a", "b")
  );
  EXPECT_THAT(ids(utf16("a\r\nb\r\n", false)), ElementsAre("a", "b"));
  EXPECT_THAT(ids("my photo 1\n\n  b \n# c\n"), ElementsAre("my photo 1", "b"));
  EXPECT_THAT(
      ids("a.jpg\nsub/b.PNG\nv1.2\n"), ElementsAre("a", "sub/b", "v1.2")
  );
}

TEST_F(List, MayHavePairsOfPaths) {
  write_text(
      folder_ / "list.txt",
      "/JPEGImages/2007 1.jpg /SegmentationClassAug/2007 1.png\n"
      "JPEGImages/sub/b.jpg\tmasks/b.PNG\n"
  );
  const auto list = read_list(folder_ / "list.txt");
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].id, "2007 1");
  EXPECT_EQ(list[0].image, "JPEGImages/2007 1.jpg");
  EXPECT_EQ(list[0].mask, "SegmentationClassAug/2007 1.png");
  EXPECT_EQ(list[1].id, "sub/b");
  EXPECT_EQ(list[1].mask, "masks/b.PNG");
}

TEST(Listing, LeavesOutWhatSystemsPutBesideFiles) {
  const testing::TemporaryFolder folder;
  for (const char* name :
       {"a.JPG", "sub/b.jpeg", ".DS_Store", "._a.JPG", "Thumbs.db",
        "desktop.ini", "__MACOSX/a.JPG", ".hidden/c.jpg"}) {
    write_text(folder / name, "");
  }
  std::filesystem::create_symlink(folder / "a.JPG", folder / "link.jpg");
  EXPECT_THAT(
      list_files(folder.path(), ""),
      ElementsAre("a.JPG", "link.jpg", "sub/b.jpeg")
  );
}

TEST(Listing, NamesALinkThatLeadsNowhereOrInACircle) {
  const testing::TemporaryFolder folder;
  std::filesystem::create_symlink(folder / "none", folder / "lost.jpg");
  EXPECT_THAT(list_files(folder.path(), ""), ElementsAre("lost.jpg"));
  std::filesystem::create_directory_symlink(folder.path(), folder / "circle");
  EXPECT_THAT(
      message_of<DataError>([&] { list_files(folder.path(), ""); }),
      HasSubstr("Too many levels of symbolic links")
  );
}

TEST(Listing, FindsAnImageByEveryEnding) {
  const testing::TemporaryFolder folder;
  for (const char* ending : {".JPG", ".jpeg", ".PNG", ".tif", ".webp"}) {
    write_text(folder / (std::string("a") + ending), "");
    EXPECT_EQ(find_image(folder / "a"), folder / (std::string("a") + ending));
    std::filesystem::remove(folder / (std::string("a") + ending));
  }
  EXPECT_EQ(find_image(folder / "a"), folder / "a.jpg");
  write_text(folder / "a.PNG", "");
  EXPECT_EQ(find_mask(folder / "a"), folder / "a.PNG");
}

}  // namespace
}  // namespace deeplab::data
