// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

namespace deeplab::engine {

/// Rank of this process and the address where the processes connect.
struct ProcessPlace {
  /// In 0..size-1. Process 0 serves the rendezvous and writes the results.
  int64_t rank = 0;
  int64_t size = 1;
  /// Host name or IP address of process 0, and a port that is free there.
  std::string address = "127.0.0.1";
  int64_t port = 29500;
  /// Distinguishes this rendezvous from earlier ones at the same address.
  std::string meeting = "0";
  /// Network interface for the tensors, e.g. "eth0". Empty: the interface of
  /// the host name.
  std::string interface;
};

/// The processes of one training run, which sum their tensors through
/// LibTorch's c10d: over Gloo, or over NCCL between GPUs if LibTorch has it.
/// All processes must make the same calls in the same order.
///
/// Throws: Error from every call, naming the processes that died or do not
///         answer.
class ProcessGroup {
 public:
  /// A sum that runs in the background.
  class Pending {
   public:
    virtual ~Pending() = default;
    /// Returns once the tensor holds the sum.
    virtual void wait() = 0;
  };

  /// Waits until all processes have connected.
  /// Throws: Error if they have not connected after `patience`.
  ProcessGroup(const ProcessPlace& place, std::chrono::seconds patience);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  /// Returns true if this build can sum over NCCL.
  static bool has_nccl() noexcept;

  int64_t rank() const noexcept { return place_.rank; }
  int64_t size() const noexcept { return place_.size; }

  /// Announces the device of the tensors that will be summed. Tensors on a GPU
  /// are summed there if LibTorch has NCCL and every process has a GPU of its
  /// own.
  void use_device(torch::Device device);
  /// Returns true if tensors on `device` are summed there. Other tensors are
  /// copied to the CPU and back.
  bool adds_on(torch::Device device) const;

  /// Sums in place, with bit-identical results in all processes. Over NCCL, the
  /// death of a process is noticed by the next call that uses Gloo, or by
  /// NCCL's watchdog, which ends the program.
  void sum(torch::Tensor& values);
  /// Starts a sum in place. The tensor must be dense, lie on a device where
  /// sums are made (see adds_on()), and live until the sum has finished.
  std::unique_ptr<Pending> begin_sum(torch::Tensor& values);
  double sum(double value);
  /// Overwrites `values` with those of process 0.
  void broadcast(torch::Tensor& values);
  /// Returns the texts of all processes by rank.
  std::vector<std::string> gather(const std::string& text);

 private:
  struct Channel;
  /// Returns the tensors of all processes by rank. They must have equal shapes.
  std::vector<torch::Tensor> exchange(const torch::Tensor& own);
  /// Returns a dense copy or view on the device where sums are made.
  torch::Tensor to_channel(const torch::Tensor& values) const;
  /// Returns the result of `call`. If it throws, throws what fail() throws.
  template <class Call>
  auto checked(const Call& call);
  /// Waits until all processes have called it since the last begin_sum().
  void meet();
  [[noreturn]] void fail(const std::string& reason);

  ProcessPlace place_;
  [[maybe_unused]] std::chrono::seconds patience_;
  bool has_met_ = false;
  std::unique_ptr<Channel> channel_;
};

}  // namespace deeplab::engine
