// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/torchscript.h"

#include <algorithm>
#include <filesystem>
#include <ostream>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/graph_iterator.h>
#include <torch/script.h>
#include <torch/version.h>

#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/shared_bytes.h"
#include "deeplab/model/evaluation_mode.h"
#include "deeplab/model/trace.h"
#include "deeplab/nn/onednn_limit.h"
#include "deeplab/nn/resize.h"

namespace deeplab::model {
namespace {

namespace jit = torch::jit;

constexpr const char* kMetadata = "deeplab.json";

torch::Tensor per_channel(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat32).view({1, -1, 1, 1});
}

torch::Tensor finish(const torch::Tensor& logits, ScriptOutput output) {
  switch (output) {
    case ScriptOutput::kProbabilities:
      return logits.softmax(1);
    case ScriptOutput::kLabels:
      return logits.argmax(1);
    case ScriptOutput::kLogits:
      break;
  }
  return logits;
}

jit::Module trace(const DeepLab& network, const ScriptOptions& options) {
  // Created before the trace, so that it stores them as constants.
  torch::Tensor mean;
  torch::Tensor deviation;
  if (options.normalization) {
    mean = per_channel(options.normalization->mean);
    deviation = per_channel(options.normalization->deviation);
  }
  return trace(network, [&](const torch::Tensor& images) {
    const auto input = mean.defined() ? (images - mean) / deviation : images;
    return finish(network.ptr()->forward(input), options.output);
  });
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

/// Returns the last line of an error message. In TorchScript's messages it says
/// what went wrong.
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
  throw DataError(fmt::format(
      "{}: returns {}; expected a tensor, a tuple or list of tensors, or a dict with \"out\"",
      path, output.tagKind()
  ));
}

/// Runs a script without optimizing it. By default, LibTorch's executor
/// profiles two calls and then compiles parts of the script for the sizes that
/// it saw. For a large network this takes LibTorch 2.6 more than ten minutes,
/// and it starts again for other sizes.
c10::IValue run(jit::Module& script, const torch::Tensor& images) {
  const jit::GraphOptimizerEnabledGuard unoptimized(false);
  return script.forward({images});
}

torch::Tensor resized(const torch::Tensor& images, const ImageSize& size) {
  return at::upsample_bilinear2d(
      images, {size.height, size.width}, /*align_corners=*/false
  );
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
  return fmt::format("{}x{}", size.height, size.width);
}

/// Returns the reason why a script rejects an image.
std::string explain_failure(
    jit::Module& script, const torch::Tensor& images, const std::string& error
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
    return fmt::format(
        "was traced at {} and fails on an image of {}; give --resize {}",
        wanted, given, wanted
    );
  }
  return fmt::format("fails on an image of {}: {}", given, last_line(error));
}

jit::Module load(const std::string& path, torch::Device device) {
  if (!std::filesystem::exists(path)) {
    throw DataError(fmt::format("{}: no such file", path));
  }
  std::string problem;
  try {
    return jit::load(path, device);
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
    throw DataError(fmt::format(
        "{}: needs the operator {}, which LibTorch {} does not have", path,
        problem.substr(begin, end - begin), TORCH_VERSION
    ));
  }
  throw DataError(
      fmt::format("{}: not a TorchScript file: {}", path, first_line(problem))
  );
}

}  // namespace

void export_torchscript(
    DeepLab network, const ScriptOptions& options, const std::string& path
) {
  torch::NoGradGuard no_grad;
  const EvaluationMode mode(*network);
  auto script = trace(network, options);
  script.eval();
  if (options.freeze) script = jit::freeze(script);
  write_atomically(path, [&](std::ostream& stream) {
    script.save(stream, {{kMetadata, options.metadata}});
  });
}

std::string read_script_metadata(const std::string& path) {
  // Throws a clear error if the file does not exist.
  SharedBytes::map_file(path);
  jit::ExtraFilesMap files{{kMetadata, ""}};
  try {
    jit::load(path, torch::kCPU, files);
  } catch (const c10::Error&) {
    throw DataError(fmt::format("{}: not a TorchScript file", path));
  }
  return files[kMetadata];
}

Segmenter load_torchscript(const std::string& path, const ScriptUse& use) {
  nn::limit_onednn_to_avx();
  auto script = std::make_shared<jit::Module>(load(path, use.device));
  script->eval();
  return [script, path, resize = use.resize](const torch::Tensor& images) {
    torch::NoGradGuard no_grad;
    const auto input = resize ? resized(images, *resize) : images;
    c10::IValue output;
    try {
      output = run(*script, input);
    } catch (const std::exception& error) {
      throw DataError(fmt::format(
          "{}: {}", path, explain_failure(*script, input, error.what())
      ));
    }
    const auto scores = scores_of(output, path);
    if (scores.dim() != 4 || scores.size(0) != images.size(0)) {
      throw DataError(fmt::format(
          "{}: returns {}; expected [N, classes, H, W]", path, scores.sizes()
      ));
    }
    return nn::resize_like(scores, images, {nn::Alignment::kEdges, {}, {}});
  };
}

}  // namespace deeplab::model
