// SPDX-License-Identifier: Apache-2.0
#include "apps/machine/platform.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <link.h>
#include <malloc.h>
#include <opencv2/core/utility.hpp>
#include <sys/file.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>
#include <unistd.h>

#include "apps/machine/cores.h"
#include "deeplab/core/error.h"
#include "deeplab/core/freed_memory.h"
#include "deeplab/core/version.h"
#include "deeplab/nn/onednn_limit.h"

namespace deeplab::apps {
namespace {

std::string real_path(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  std::string result = resolved;
  std::free(resolved);
  return result;
}

int add_library(dl_phdr_info* info, size_t /*size*/, void* libraries) {
  static_cast<std::vector<std::string>*>(libraries)->push_back(
      real_path(info->dlpi_name)
  );
  return 0;
}

/// Returns the file of the loaded BLAS; empty if LibTorch has its own built in.
std::string blas_library() {
  std::vector<std::string> libraries;
  dl_iterate_phdr(add_library, &libraries);
  for (const char* name : {"libopenblas", "libmkl_core", "libblis"}) {
    for (const auto& library : libraries) {
      if (library.find(name) != std::string::npos) return library;
    }
  }
  for (const auto& library : libraries) {
    if (library.find("libblas.so") != std::string::npos) return library;
  }
  return "";
}

bool is_reference(const std::string& blas) {
  // Debian puts each BLAS into a folder of its own.
  return blas.find("/blas/libblas.so") != std::string::npos;
}

/// Returns the value of a line in /proc/self/status, e.g. "VmRSS:", in bytes.
int64_t status_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string name;
    int64_t kib = 0;
    if (words >> name >> kib && name == field) return kib * 1024;
  }
  return 0;
}

}  // namespace

void prepare_platform() {
  keep_freed_memory();
  if (std::getenv("OMP_NUM_THREADS") == nullptr) {
    torch::set_num_threads(static_cast<int>(allowed_threads()));
  }
  // Several images are decoded in parallel already.
  cv::setNumThreads(1);
  if (is_reference(blas_library())) {
    std::cerr
        << "warning: the loaded BLAS is the reference one, some 40 times slower; install libopenblas0-openmp\n";
  }
}

std::string convolution_warning() {
  if (!nn::limit_onednn_to_avx()) return "";
  return "warning: this machine hides the sizes of its CPU's caches, without which the oneDNN of this LibTorch computes wrong convolutions or crashes with AVX2 and AVX-512; it is kept to AVX, which takes about twice as long in float32 and far longer in bfloat16. A virtual machine may show its host's CPU instead, and LibTorch 2.14 needs no limit; ONEDNN_MAX_CPU_ISA sets another";
}

bool has_bfloat16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

void return_freed_memory() {
  constexpr int kMaps = 1 << 16;
  constexpr int kLarge = 1 << 20;
  mallopt(M_MMAP_MAX, kMaps);
  mallopt(M_MMAP_THRESHOLD, kLarge);
  malloc_trim(0);
}

int64_t resident_bytes() { return status_bytes("VmRSS:"); }

std::string now_text() {
  const auto now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::ostringstream text;
  text << std::put_time(&parts, "%FT%TZ");
  return text.str();
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

FolderLock::FolderLock(const std::string& folder) {
  std::filesystem::create_directories(folder);
  descriptor_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0 || ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) return;
  ::close(descriptor_);
  throw ConfigError(fmt::format(
      "{}: another process trains in it; wait for it, or give another --out",
      folder
  ));
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void use_deterministic_algorithms() {
  // CUDA reads this once, at the first matrix product.
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setBenchmarkCuDNN(false);
}

std::string platform_report() {
  const auto blas = blas_library();
  return fmt::format(
      "deeplab {}\nLibTorch {}\nthreads {}\nBLAS {}{}\nCUDA {}\n", kVersion,
      TORCH_VERSION, torch::get_num_threads(),
      blas.empty() ? "inside LibTorch" : blas,
      is_reference(blas) ? " (reference, slow)" : "",
      torch::cuda::is_available() ? "yes" : "no"
  );
}

}  // namespace deeplab::apps
