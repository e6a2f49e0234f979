// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace deeplab::apps {

/// The files of one training in its folder.
struct RunFiles {
  explicit RunFiles(const std::string& folder)
      : config(folder + "/config.json"),
        metrics(folder + "/metrics.jsonl"),
        run(folder + "/run.json"),
        tensorboard(folder + "/tensorboard"),
        last(folder + "/last.safetensors"),
        best(folder + "/best.safetensors") {}

  std::string config;
  std::string metrics;
  /// Records when, where and with which versions the training was started; one
  /// item per start.
  std::string run;
  /// Folder of TensorBoard's event files.
  std::string tensorboard;
  std::string last;
  std::string best;
};

}  // namespace deeplab::apps
