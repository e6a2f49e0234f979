// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/segmenter.h"

#include <algorithm>
#include <filesystem>

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/graph_iterator.h>
#include <torch/script.h>
#include <torch/version.h>

#include "deeplab/core/error.h"
#include "deeplab/model/evaluation_mode.h"
#include "deeplab/nn/hidden_caches.h"
#include "deeplab/nn/resize.h"

namespace deeplab::model {
namespace {

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

/// TorchScript's own message ends with the line that says what went wrong.
std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

torch::Tensor scores_of(const c10::IValue& output, const std::string& path) {
  if (output.isTensor()) return output.toTensor();
  if (output.isTuple() && !output.toTupleRef().elements().empty()) {
    const auto& first = output.toTupleRef().elements()[0];
    if (first.isTensor()) return first.toTensor();
  }
  if (output.isTensorList() && output.toTensorList().size() > 0) {
    return output.toTensorVector()[0];
  }
  if (output.isGenericDict()) {
    const auto dict = output.toGenericDict();
    const c10::IValue key(std::string("out"));
    if (dict.contains(key) && dict.at(key).isTensor()) {
      return dict.at(key).toTensor();
    }
  }
  throw DataError(
      str(path,
          ": gives ",
          output.tagKind(),
          "; expected a tensor, a tuple or list of them, or a dict with "
          "\"out\"")
  );
}

/// Runs a script as it is written. LibTorch's executor would first watch two
/// calls and then compile parts of the script for the sizes that it saw. For a
/// large network LibTorch 2.6 takes more than ten minutes to do so, and begins
/// anew for other sizes.
c10::IValue run(torch::jit::Module& script, const torch::Tensor& images) {
  const torch::jit::GraphOptimizerEnabledGuard unoptimized(false);
  return script.forward({images});
}

torch::Tensor resized(const torch::Tensor& images, const ImageSize& size) {
  return at::upsample_bilinear2d(
      images, {size.height, size.width}, /*align_corners=*/false
  );
}

/// The sizes, as constants, that a script's code resizes maps to; largest
/// first. One of them is the image's, in a file traced at one size.
std::vector<ImageSize> constant_sizes(const torch::jit::Module& script) {
  auto graph = script.get_method("forward").graph()->copy();
  torch::jit::Inline(*graph);
  std::vector<ImageSize> sizes;
  torch::jit::DepthFirstGraphNodeIterator nodes(graph);
  for (auto* node = nodes.next(); node != nullptr; node = nodes.next()) {
    for (const auto* input : node->inputs()) {
      const auto value = torch::jit::toIValue(input);
      std::vector<int64_t> sides;
      if (value && value->isIntList()) {
        sides = value->toIntVector();
      } else if (input->node()->kind() == torch::jit::prim::ListConstruct) {
        for (const auto* item : input->node()->inputs()) {
          const auto side = torch::jit::toIValue(item);
          if (side && side->isInt()) sides.push_back(side->toInt());
        }
      }
      constexpr int64_t kSmallest = 8;
      if (sides.size() == 2 && std::min(sides[0], sides[1]) >= kSmallest) {
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
  return str(size.height, "x", size.width);
}

/// Why a script refuses an image.
std::string explain_failure(
    torch::jit::Module& script,
    const torch::Tensor& images,
    const std::string& error
) {
  const auto given = name({images.size(-2), images.size(-1)});
  constexpr size_t kMostTries = 4;
  const auto sizes = constant_sizes(script);
  for (size_t i = 0; i < sizes.size() && i < kMostTries; ++i) {
    try {
      run(script, resized(images, sizes[i]));
    } catch (const std::exception&) {
      continue;
    }
    const auto wanted = name(sizes[i]);
    return str(
        "was traced at ",
        wanted,
        " and fails on an image of ",
        given,
        "; give --resize ",
        wanted
    );
  }
  return str("fails on an image of ", given, ": ", last_line(error));
}

torch::jit::Module load(const std::string& path, torch::Device device) {
  if (!std::filesystem::exists(path)) {
    throw DataError(str(path, ": no such file"));
  }
  std::string problem;
  try {
    return torch::jit::load(path, device);
  } catch (const c10::Error& error) {
    problem = error.what_without_backtrace();
  } catch (const std::exception& error) {
    problem = error.what();
  }
  static const std::string kUnknown = "Unknown builtin op: ";
  const auto unknown = problem.find(kUnknown);
  if (unknown != std::string::npos) {
    const auto begin = unknown + kUnknown.size();
    const auto end = problem.find_first_of(". \n", begin);
    throw DataError(
        str(path,
            ": needs the operator ",
            problem.substr(begin, end - begin),
            ", which LibTorch ",
            TORCH_VERSION,
            " does not have")
    );
  }
  throw DataError(str(path, ": not a TorchScript file: ", first_line(problem)));
}
}  // namespace

Segmenter make_segmenter(DeepLab network) {
  return [network](const torch::Tensor& images) mutable {
    torch::NoGradGuard no_grad;
    const EvaluationMode mode(*network);
    return network->forward(images);
  };
}

Segmenter load_torchscript(const std::string& path, const ScriptUse& use) {
  nn::keep_convolutions_right();
  auto script = std::make_shared<torch::jit::Module>(load(path, use.device));
  script->eval();
  return [script, path, resize = use.resize](const torch::Tensor& images) {
    torch::NoGradGuard no_grad;
    const auto input = resize ? resized(images, *resize) : images;
    c10::IValue output;
    try {
      output = run(*script, input);
    } catch (const std::exception& error) {
      throw DataError(
          str(path, ": ", explain_failure(*script, input, error.what()))
      );
    }
    const auto scores = scores_of(output, path);
    if (scores.dim() != 4 || scores.size(0) != images.size(0)) {
      throw DataError(
          str(path, ": gives ", scores.sizes(), "; expected [N, classes, H, W]")
      );
    }
    return nn::resize_like(scores, images, nn::AlignCorners::kNo);
  };
}

}  // namespace deeplab::model
