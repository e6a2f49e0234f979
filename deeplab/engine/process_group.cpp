// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/process_group.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <set>
#include <thread>

#include <unistd.h>

#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include <fmt/core.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef DEEPLAB_HAS_NCCL
#ifndef USE_C10D_NCCL
#define USE_C10D_NCCL
#endif
#include <ATen/cuda/CUDAContext.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "deeplab/core/error.h"
#include "deeplab/core/libtorch_versions.h"

namespace deeplab::engine {
namespace {

/// Time in which processes that saw a failure may report that they are alive.
constexpr std::chrono::seconds kRollCall{5};
constexpr std::chrono::milliseconds kPause{50};

/// Returns the first line of the message, without torch's source location.
std::string first_line(const std::exception& error) {
  std::string text = error.what();
  text = text.substr(0, text.find('\n'));
  const auto bracket = text.find("] ");
  return bracket == std::string::npos ? text : text.substr(bracket + 2);
}

std::shared_ptr<::gloo::transport::Device> make_device(const ProcessPlace& place
) {
  using c10d::ProcessGroupGloo;
  if (!place.interface.empty()) {
    return ProcessGroupGloo::createDeviceForInterface(place.interface);
  }
  if (place.address == "127.0.0.1" || place.address == "localhost") {
    return ProcessGroupGloo::createDeviceForHostname("127.0.0.1");
  }
  return ProcessGroupGloo::createDefaultDevice();
}

#ifdef DEEPLAB_HAS_NCCL
/// Returns the name by which NCCL tells a GPU from others.
std::string name_gpu(torch::Device device) {
  std::array<char, 256> host{};
  const char* host_id = std::getenv("NCCL_HOSTID");
  if (host_id == nullptr) ::gethostname(host.data(), host.size() - 1);
  const auto* gpu = at::cuda::getDeviceProperties(
      device.has_index() ? device.index() : at::cuda::current_device()
  );
  return fmt::format(
      "{}/{}:{}:{}", host_id == nullptr ? host.data() : host_id,
      gpu->pciDomainID, gpu->pciBusID, gpu->pciDeviceID
  );
}
#endif

}  // namespace

struct ProcessGroup::Channel {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;

  auto add_up(std::vector<torch::Tensor> tensors) {
#ifdef DEEPLAB_HAS_NCCL
    if (tensors[0].is_cuda()) return nccl->allreduce(tensors);
#endif
    return gloo->allreduce(tensors);
  }
  auto broadcast(std::vector<torch::Tensor> tensors) {
#ifdef DEEPLAB_HAS_NCCL
    if (tensors[0].is_cuda()) return nccl->broadcast(tensors);
#endif
    return gloo->broadcast(tensors);
  }

#ifdef DEEPLAB_HAS_NCCL
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> nccl;

  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() {
    if (!nccl) return;
    try {
      if (std::uncaught_exceptions() == 0) {
        nccl->shutdown();
      } else {
        // shutdown() would wait for the other processes; releasing Gloo and
        // aborting tells them instead.
        gloo.reset();
        nccl->abort();
      }
    } catch (const std::exception&) {
      // The communicator ends with the process.
    }
  }
#endif
};

ProcessGroup::ProcessGroup(
    const ProcessPlace& place, std::chrono::seconds patience
)
    : place_(place),
      patience_(patience),
      channel_(std::make_unique<Channel>()) {
  const auto subject = fmt::format(
      "process {} of {} at {}:{}", rank(), size(), place.address, place.port
  );
  try {
    c10d::TCPStoreOptions where;
    where.port = static_cast<std::uint16_t>(place.port);
    where.isServer = rank() == 0;
    where.numWorkers = static_cast<size_t>(size());
    where.timeout = patience;
    libtorch::serve_without_libuv(where);
    channel_->store = c10::make_intrusive<c10d::PrefixStore>(
        "deeplab/" + place.meeting,
        c10::make_intrusive<c10d::TCPStore>(place.address, where)
    );
    auto options = c10d::ProcessGroupGloo::Options::create(patience);
    options->devices.push_back(make_device(place));
    channel_->gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(
        channel_->store, static_cast<int>(rank()), static_cast<int>(size()),
        options
    );
  } catch (const std::exception& error) {
    throw Error(fmt::format(
        "{}: the processes cannot connect: {}; each needs the same address and port, and a different rank",
        subject, first_line(error)
    ));
  }
}

ProcessGroup::~ProcessGroup() = default;

template <class Call>
auto ProcessGroup::checked(const Call& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    fail(first_line(error));
  }
}

bool ProcessGroup::has_nccl() noexcept {
#ifdef DEEPLAB_HAS_NCCL
  return true;
#else
  return false;
#endif
}

void ProcessGroup::use_device([[maybe_unused]] torch::Device device) {
#ifdef DEEPLAB_HAS_NCCL
  const auto gpus = gather(device.is_cuda() ? name_gpu(device) : "");
  const std::set<std::string> different(gpus.begin(), gpus.end());
  if (different.count("") != 0 || different.size() != gpus.size()) return;
  if (channel_->nccl) return;
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = patience_;
  channel_->nccl = checked([&] {
    return c10::make_intrusive<c10d::ProcessGroupNCCL>(
        channel_->store, static_cast<int>(rank()), static_cast<int>(size()),
        options
    );
  });
#endif
}

bool ProcessGroup::adds_on(torch::Device device) const {
#ifdef DEEPLAB_HAS_NCCL
  if (device.is_cuda() && channel_->nccl) return true;
#endif
  return device.is_cpu();
}

torch::Tensor ProcessGroup::to_channel(const torch::Tensor& values) const {
  const auto dense = values.detach().contiguous();
  return adds_on(values.device()) ? dense : dense.cpu();
}

void ProcessGroup::sum(torch::Tensor& values) {
  // A ring sum takes several rounds, and each round waits for a thread. Up to
  // this size it is faster to send from every process to every other.
  constexpr size_t kSmall = 1 << 16;
  auto sums = to_channel(values);
  if (sums.is_cpu() && sums.nbytes() <= kSmall) {
    const auto all = exchange(sums);
    sums = all[0];
    for (size_t of = 1; of < all.size(); ++of) sums.add_(all[of]);
  } else {
    checked([&] { return channel_->add_up({sums})->wait(); });
  }
  if (sums.data_ptr() != values.data_ptr()) {
    torch::NoGradGuard no_grad;
    values.copy_(sums);
  }
}

double ProcessGroup::sum(double value) {
  auto values = torch::full({1}, value, torch::kFloat64);
  sum(values);
  return values.item<double>();
}

void ProcessGroup::meet() {
  if (!has_met_) sum(0.0);
  has_met_ = true;
}

std::unique_ptr<ProcessGroup::Pending> ProcessGroup::begin_sum(
    torch::Tensor& values
) {
  class Sum : public Pending {
   public:
    Sum(ProcessGroup& group, c10::intrusive_ptr<c10d::Work> work, bool is_on_gpu
    )
        : group_(group), work_(std::move(work)), is_on_gpu_(is_on_gpu) {}
    void wait() override {
      // If a process has died, the wait on the GPU would never end, so all
      // processes meet first.
      if (is_on_gpu_) group_.meet();
      group_.checked([&] { return work_->wait(); });
    }

   private:
    ProcessGroup& group_;
    c10::intrusive_ptr<c10d::Work> work_;
    bool is_on_gpu_;
  };
  has_met_ = false;
  return std::make_unique<Sum>(
      *this, checked([&] { return channel_->add_up({values}); }),
      values.is_cuda()
  );
}

void ProcessGroup::broadcast(torch::Tensor& values) {
  auto sent = to_channel(values);
  checked([&] { return channel_->broadcast({sent})->wait(); });
  torch::NoGradGuard no_grad;
  values.copy_(sent);
}

std::vector<torch::Tensor> ProcessGroup::exchange(const torch::Tensor& own) {
  std::vector<torch::Tensor> inputs{own};
  std::vector<std::vector<torch::Tensor>> outputs(1);
  for (int64_t of = 0; of < size(); ++of) {
    outputs[0].push_back(torch::empty_like(own));
  }
  checked([&] { return channel_->gloo->allgather(outputs, inputs)->wait(); });
  return outputs[0];
}

std::vector<std::string> ProcessGroup::gather(const std::string& text) {
  auto sizes = torch::zeros({size()}, torch::kInt64);
  sizes[rank()] = static_cast<int64_t>(text.size());
  sum(sizes);
  const auto longest = std::max<int64_t>(1, sizes.max().item<int64_t>());
  auto own = torch::zeros({longest}, torch::kUInt8);
  std::copy(text.begin(), text.end(), own.data_ptr<uint8_t>());
  const auto all = exchange(own);
  std::vector<std::string> texts;
  for (int64_t of = 0; of < size(); ++of) {
    const auto* bytes = all[static_cast<size_t>(of)].data_ptr<uint8_t>();
    texts.emplace_back(bytes, bytes + sizes[of].item<int64_t>());
  }
  return texts;
}

void ProcessGroup::fail(const std::string& reason) {
  std::string missing;
  try {
    const auto key = [](int64_t of) { return fmt::format("alive/{}", of); };
    channel_->store->set(key(rank()), std::vector<uint8_t>{1});
    const auto end = std::chrono::steady_clock::now() + kRollCall;
    while (std::chrono::steady_clock::now() < end) {
      missing.clear();
      for (int64_t of = 0; of < size(); ++of) {
        if (channel_->store->check({key(of)})) continue;
        missing += (missing.empty() ? "" : ", ") + std::to_string(of);
      }
      std::this_thread::sleep_for(kPause);
    }
  } catch (const std::exception&) {
    missing = "0";
  }
#ifdef DEEPLAB_HAS_NCCL
  try {
    // A GPU would wait forever for data that will not come.
    if (channel_->nccl) channel_->nccl->abort();
  } catch (const std::exception&) {
    // The first failure is the one to report.
  }
#endif
  throw Error(
      missing.empty()
          ? fmt::format(
                "process {}: lost the connection to the other processes: {}",
                rank(), reason
            )
          : fmt::format(
                "process {} of {} has ended or does not answer; see its own output for the reason; resume a training from its last checkpoint with --resume",
                missing, size()
            )
  );
}

}  // namespace deeplab::engine
