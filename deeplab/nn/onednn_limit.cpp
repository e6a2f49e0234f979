// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/onednn_limit.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include <ATen/Version.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace deeplab::nn {
namespace {

/// Returns true if neither Intel's nor AMD's CPUID table of caches has an
/// entry.
bool are_caches_hidden() {
#if defined(__x86_64__)
  constexpr unsigned kIntelsCaches = 4;
  constexpr unsigned kAmdsCaches = 0x8000001d;
  constexpr unsigned kCacheType = 0x1f;
  for (const unsigned leaf : {kIntelsCaches, kAmdsCaches}) {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    const bool is_known = __get_cpuid_count(leaf, 0, &a, &b, &c, &d) != 0;
    if (is_known && (a & kCacheType) != 0) return false;
  }
  return true;
#else
  return false;
#endif
}

/// Returns true if this version of oneDNN is wrong without cache sizes;
/// `onednn` is e.g. "Intel(R) MKL-DNN v3.6.2 (Git Hash N/A)".
bool needs_cache_sizes(const std::string& onednn) {
  int major = 0;
  int minor = 0;
  const auto number = onednn.find(" v");
  if (number == std::string::npos ||
      std::sscanf(onednn.c_str() + number, " v%d.%d", &major, &minor) != 2) {
    return false;
  }
  return major == 3 && minor < 12;
}

}  // namespace

bool limit_onednn_to_avx() {
  static const bool is_limited = [] {
    constexpr const char* kVariable = "ONEDNN_MAX_CPU_ISA";
    if (!are_caches_hidden() || !needs_cache_sizes(at::get_mkldnn_version()) ||
        std::getenv(kVariable) != nullptr) {
      return false;
    }
    ::setenv(kVariable, "AVX", /*overwrite=*/0);
    return true;
  }();
  return is_limited;
}

}  // namespace deeplab::nn
