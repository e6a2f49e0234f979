// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/script_sizes.h"

#include <algorithm>
#include <vector>

#include <fmt/core.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/graph_iterator.h>
#include <torch/script.h>

namespace deeplab::model {
namespace {

namespace jit = torch::jit;

/// Returns the last line of an error message. In TorchScript's messages it says
/// what went wrong.
std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

bool accepts(jit::Module& script, const torch::Tensor& images) {
  try {
    run_script(script, images);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

/// Returns the two numbers of a list of two constants; empty for any other
/// value.
std::vector<int64_t> constant_pair(const jit::Value* input) {
  const auto value = jit::toIValue(input);
  std::vector<int64_t> sides;
  if (value && value->isIntList()) {
    sides = value->toIntVector();
  } else if (input->node()->kind() == jit::prim::ListConstruct) {
    for (const auto* item : input->node()->inputs()) {
      const auto side = jit::toIValue(item);
      if (side && side->isInt()) sides.push_back(side->toInt());
    }
  }
  if (sides.size() != 2) sides.clear();
  return sides;
}

/// Returns the constant sizes to which a script's code resizes feature maps,
/// largest first. In a file that was traced at one size, one of them is the
/// size of the image.
std::vector<ImageSize> constant_sizes(const jit::Module& script) {
  auto graph = script.get_method("forward").graph()->copy();
  jit::Inline(*graph);
  std::vector<ImageSize> sizes;
  jit::DepthFirstGraphNodeIterator nodes(graph);
  for (auto* node = nodes.next(); node != nullptr; node = nodes.next()) {
    for (const auto* input : node->inputs()) {
      const auto sides = constant_pair(input);
      constexpr int64_t kSmallest = 8;
      if (!sides.empty() && std::min(sides[0], sides[1]) >= kSmallest) {
        sizes.push_back({sides[0], sides[1]});
      }
    }
  }
  std::sort(sizes.begin(), sizes.end(), [](const auto& a, const auto& b) {
    return std::make_pair(a.height, a.width) >
           std::make_pair(b.height, b.width);
  });
  const auto same = [](const auto& a, const auto& b) {
    return a.height == b.height && a.width == b.width;
  };
  sizes.erase(std::unique(sizes.begin(), sizes.end(), same), sizes.end());
  return sizes;
}

std::string name(const ImageSize& size) {
  return fmt::format("{}x{}", size.height, size.width);
}

torch::Tensor grown(const torch::Tensor& images, int64_t pixels) {
  return at::replication_pad2d(images, {0, pixels, 0, pixels});
}

}  // namespace

c10::IValue run_script(jit::Module& script, const torch::Tensor& images) {
  const jit::GraphOptimizerEnabledGuard unoptimized(false);
  return script.forward({images});
}

torch::Tensor resized(const torch::Tensor& images, const ImageSize& size) {
  return at::upsample_bilinear2d(
      images, {size.height, size.width}, /*align_corners=*/false
  );
}

torch::Tensor padded(const torch::Tensor& images, int64_t multiple) {
  const auto missing = [&](int64_t side) {
    return (multiple - images.size(side) % multiple) % multiple;
  };
  return at::replication_pad2d(images, {0, missing(3), 0, missing(2)});
}

std::optional<int64_t> find_multiple(
    jit::Module& script, const torch::Tensor& images
) {
  // Powers of 2, and the patches of vision transformers.
  for (const int64_t multiple :
       {2, 4, 8, 12, 14, 16, 20, 24, 28, 32, 48, 56, 64, 96, 112, 128}) {
    const auto larger = padded(images, multiple);
    if (larger.sizes() == images.sizes()) continue;
    // A second size is tried, since the first may be the one size of a file
    // that takes no other.
    if (accepts(script, larger) && accepts(script, grown(larger, multiple))) {
      return multiple;
    }
  }
  return std::nullopt;
}

std::string explain_failure(
    jit::Module& script, const torch::Tensor& images, const std::string& error
) {
  const auto given = name({images.size(-2), images.size(-1)});
  constexpr size_t kMostTries = 4;
  const auto sizes = constant_sizes(script);
  for (size_t i = 0; i < sizes.size() && i < kMostTries; ++i) {
    if (!accepts(script, resized(images, sizes[i]))) continue;
    const auto wanted = name(sizes[i]);
    return fmt::format(
        "was traced at {} and fails on an image of {}; give --resize {}",
        wanted, given, wanted
    );
  }
  return fmt::format("fails on an image of {}: {}", given, last_line(error));
}

std::optional<ImageSize> bound_size(
    jit::Module& script, const torch::Tensor& images, const ImageSize& scores
) {
  const auto sizes = constant_sizes(script);
  const bool has_it =
      std::any_of(sizes.begin(), sizes.end(), [&](const auto& size) {
        return size.height == scores.height && size.width == scores.width;
      });
  if (!has_it) return std::nullopt;
  constexpr int64_t kMore = 64;
  torch::Tensor others;
  try {
    const auto output = run_script(script, grown(images, kMore));
    if (!output.isTensor()) return std::nullopt;
    others = output.toTensor();
  } catch (const std::exception&) {
    return std::nullopt;
  }
  if (others.dim() != 4 || others.size(2) != scores.height ||
      others.size(3) != scores.width) {
    return std::nullopt;
  }
  return sizes.front();
}

}  // namespace deeplab::model
