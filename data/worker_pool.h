// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

namespace deeplab::data {

/// Threads that run tasks in the order of submission. Without threads, a task
/// runs when its result is requested.
template <class Result>
class WorkerPool {
 public:
  explicit WorkerPool(int64_t threads) {
    for (int64_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { work(); });
    }
  }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  /// Discards the tasks that have not started and waits for the running ones.
  ~WorkerPool() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      tasks_.clear();
      stopped_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  /// Adds a task. If the task throws, the future's get() rethrows the
  /// exception.
  std::future<Result> submit(std::function<Result()> task) {
    if (threads_.empty()) {
      return std::async(std::launch::deferred, std::move(task));
    }
    std::packaged_task<Result()> packaged(std::move(task));
    auto future = packaged.get_future();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      tasks_.push_back(std::move(packaged));
    }
    changed_.notify_one();
    return future;
  }

 private:
  void work() {
    for (;;) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return stopped_ || !tasks_.empty(); });
      if (stopped_) return;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::packaged_task<Result()>> tasks_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace deeplab::data
