// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "deeplab/engine/process_group.h"
#include "support/support.h"

namespace deeplab::engine {

/// Runs `work` in `count` threads that take the place of the processes of a
/// training.
inline void in_processes(
    int64_t count,
    const std::function<void(std::shared_ptr<ProcessGroup>)>& work
) {
  const int64_t port = testing::free_port();
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < count; ++rank) {
    threads.emplace_back([&, rank] {
      ProcessPlace place;
      place.rank = rank;
      place.size = count;
      place.port = port;
      work(std::make_shared<ProcessGroup>(place, std::chrono::seconds(60)));
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace deeplab::engine
