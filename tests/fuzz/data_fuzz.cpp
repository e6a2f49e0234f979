// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry point for one reader of data sets, chosen by DEEPLAB_FUZZ.
// For any bytes, the reader must return data or throw an Error. See tools/fuzz.
#include <cstdint>
#include <filesystem>
#include <string>

#include <unistd.h>

#include "data/files/image_file.h"
#include "data/files/listing.h"
#include "data/files/text_file.h"
#include "data/prepare/prepare.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

/// Returns a folder of this process for files of one run.
std::string work_folder() {
  static const std::string folder =
      (std::filesystem::temp_directory_path() /
       ("deeplab_fuzz_" + std::to_string(::getpid())))
          .string();
  return folder;
}

/// Reads an image as a photo and as a mask of either form.
void read_image_file(const std::string& bytes) {
  const auto attempt = [](const auto& read) {
    try {
      read();
    } catch (const DataError&) {
      return;
    }
  };
  attempt([&] { decode_image(bytes, "fuzz"); });
  attempt([&] { decode_mask(bytes, "fuzz", MaskForm::kIndices); });
  attempt([&] { decode_mask(bytes, "fuzz", MaskForm::kIndicesOrColors); });
}

void read_list_file(const std::string& bytes) {
  const auto path = work_folder() + "/list.txt";
  write_file(path, bytes);
  read_list(path);
}

/// Prepares annotations beside a photo and a mask. The first byte chooses the
/// program that wrote them.
void read_annotations_file(const std::string& bytes) {
  if (bytes.empty()) return;
  const bool is_text = bytes[0] == 'm';
  const auto set = bytes[0] == 'c' ? prepare_coco
                   : is_text       ? prepare_masks
                                   : prepare_labelme;
  const auto own = work_folder() + "/own";
  std::filesystem::remove_all(work_folder());
  static const std::string image =
      encode_image(cv::Mat(4, 6, CV_8UC3, cv::Scalar(0, 0, 9)), ".png");
  for (const char* name : {"/a.png", "/sub/b.png"})
    write_file(own + name, image);
  if (is_text) write_file(own + "/SegmentationClass/a.png", image);
  write_file(
      own + (is_text ? "/labelmap.txt" : "/annotations.json"), bytes.substr(1)
  );
  PrepareJob job;
  job.sources = {own};
  job.out = work_folder() + "/out";
  std::filesystem::create_directories(job.out);
  set(job);
}

}  // namespace
}  // namespace deeplab::data

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  try {
    deeplab::data::DEEPLAB_FUZZ(bytes);
  } catch (const deeplab::Error&) {
    return 0;
  }
  return 0;
}
