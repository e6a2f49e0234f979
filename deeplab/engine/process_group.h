// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

namespace deeplab::engine {

/// Which of several processes this one is, and where they meet.
struct ProcessPlace {
  /// 0..size-1; process 0 holds the meeting place and writes the results.
  int64_t rank = 0;
  int64_t size = 1;
  /// Name or number of process 0's host, and a port that is free there.
  std::string address = "127.0.0.1";
  int64_t port = 29500;
  /// Tells this meeting from earlier ones at the same place.
  std::string meeting = "0";
  /// Network interface for the tensors, e.g. "eth0"; empty: the host name's.
  std::string interface;
};

/// The processes of one training, which add their tensors up through LibTorch's
/// c10d: over Gloo, and between GPUs over NCCL, where LibTorch has it. Every
/// call is made by all of them, in the same order.
///
/// Throws: Error from each call, naming the processes that died or that do not
///         answer.
class ProcessGroup {
 public:
  /// A sum that goes on beside this thread.
  class Pending {
   public:
    virtual ~Pending() = default;
    /// Returns when the tensor holds the sum.
    virtual void wait() = 0;
  };

  /// Waits until all processes are there.
  /// Throws: Error where they do not come within `patience`.
  ProcessGroup(const ProcessPlace& place, std::chrono::seconds patience);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  /// Whether this build can add up over NCCL.
  static bool has_nccl() noexcept;

  int64_t rank() const noexcept { return place_.rank; }
  int64_t size() const noexcept { return place_.size; }

  /// Where the tensors are that will be added up: those on a GPU stay on it if
  /// LibTorch has NCCL and each process a GPU of its own.
  void use_device(torch::Device device);
  /// Whether tensors there are added up there; others travel through the CPU.
  bool adds_on(torch::Device device) const;

  /// In place; the same bits on all. Over NCCL, a process that died is noticed
  /// by the next call that goes over Gloo, or by NCCL's watchdog, which ends
  /// the program.
  void sum(torch::Tensor& values);
  /// The same, begun; the tensor, dense and where sums are added up, must live
  /// until its end.
  std::unique_ptr<Pending> begin_sum(torch::Tensor& values);
  double sum(double value);
  /// Each gets what process 0 has.
  void broadcast(torch::Tensor& values);
  /// What each of them has, by rank.
  std::vector<std::string> gather(const std::string& text);

 private:
  struct Channel;
  /// The same, by rank, of all processes.
  std::vector<torch::Tensor> exchange(const torch::Tensor& own);
  /// Dense, where sums are added up.
  torch::Tensor to_channel(const torch::Tensor& values) const;
  /// What `call` returns. Throws: as fail() does, for what it throws.
  template <class Call>
  auto checked(const Call& call);
  /// Returns when all processes came here since the last begin_sum().
  void meet();
  [[noreturn]] void fail(const std::string& reason);

  ProcessPlace place_;
  [[maybe_unused]] std::chrono::seconds patience_;
  bool has_met_ = false;
  std::unique_ptr<Channel> channel_;
};

}  // namespace deeplab::engine
