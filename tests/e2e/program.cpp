// SPDX-License-Identifier: Apache-2.0
#include "e2e/program.h"

#include <algorithm>
#include <chrono>
#include <sstream>
#include <thread>

#include <fmt/core.h>
#include <unistd.h>

#include "deeplab/core/error.h"

namespace deeplab {
std::string small(const std::string& out, int64_t iterations) {
  return fmt::format(
      "train --out {} --iterations {} --batch-size 2 --crop 48 --backbone mobilenet_v2 --set model.aspp.channels=16 --set model.aspp.separable=true --set model.decoder_options.channels=16 --set model.decoder_options.separable=true --set model.aspp.rates=[2,4] --set data.synthetic.train_images=8 --set data.synthetic.val_images=2 --set data.synthetic.width=64 --set data.synthetic.height=48 --set train.validate_every=7 --set train.checkpoint_every=3",
      out, iterations
  );
}

void synthesize(
    const std::string& folder, int64_t train_images, int64_t val_images
) {
  const auto drawn = deeplab(fmt::format(
      "data synthesize {} --set data.synthetic.train_images={} --set data.synthetic.val_images={} --set data.synthetic.width=64 --set data.synthetic.height=48",
      folder, train_images, val_images
  ));
  ASSERT_EQ(drawn.code, 0) << drawn.output;
}

std::vector<Json> timeless(const std::string& metrics) {
  std::vector<Json> lines;
  std::istringstream stream(metrics);
  for (std::string text; std::getline(stream, text);) {
    auto line = Json::parse(text);
    const size_t times = line.erase("seconds") + line.erase("data_seconds");
    EXPECT_EQ(times, line.contains("loss") ? 2U : 0U) << text;
    lines.push_back(line);
  }
  return lines;
}

pid_t start(const std::string& words) { return start(words, ""); }

pid_t start(const std::string& words, const std::string& environment) {
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string line = "exec env " + environment + " " + kProgram + " " +
                             words + " 2>/dev/null";
    ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
    ::_exit(127);
  }
  return child;
}

void wait_for_lines(const std::string& file, int64_t lines) {
  for (int i = 0; i < 30000; ++i) {
    const auto text = testing::read_text(file);
    if (std::count(text.begin(), text.end(), '\n') >= lines) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL() << file << " did not reach " << lines << " lines";
}

}  // namespace deeplab
