// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "data/files/image_file.h"
#include "data/tensors.h"
#include "deeplab/compile/compiled_network.h"
#include "deeplab/crf/crf_config.h"
#include "deeplab/crf/post_process.h"
#include "deeplab/engine/trained_network.h"

/// Prints the class of the pixel in the middle of a photo.
int main(int /*argc*/, char** argv) {
  using namespace deeplab;
  const auto trained = engine::open_checkpoint(argv[1]);
  const auto photo = data::read_image(argv[2]);
  const auto image = data::to_tensor(photo, trained.normalization);
  const auto segment = compile::compile(trained.network);
  const auto scores = segment(image.unsqueeze(0))[0];
  const auto refined =
      crf::refine(scores, data::to_pixels(photo), crf::CrfConfig().options());
  const auto labels = refined.argmax(0);
  const auto label = labels[photo.rows / 2][photo.cols / 2].item<int64_t>();
  std::cout << trained.classes.names[static_cast<size_t>(label)] << '\n';
}
