// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/torchscript.h"

#include <filesystem>
#include <ostream>

#include <fmt/core.h>
#include <torch/script.h>
#include <torch/version.h>

#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/shared_bytes.h"
#include "deeplab/model/evaluation_mode.h"
#include "deeplab/model/script_sizes.h"
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

namespace {

/// A TorchScript file as a segmenter.
class Script {
 public:
  Script(const std::string& path, const ScriptUse& use)
      : path_(path),
        use_(use),
        script_(load(path, use.device)),
        scores_(path, use.scores, use.notify) {
    script_.eval();
  }

  torch::Tensor segment(const torch::Tensor& images) {
    const torch::NoGradGuard no_grad;
    torch::Tensor input = use_.resize ? resized(images, *use_.resize) : images;
    if (use_.multiple_of) input = padded(input, *use_.multiple_of);
    const auto output = run(input);
    const auto scores = nn::resize_like(
        read_scores(output, input), input, {nn::Alignment::kEdges, {}, {}}
    );
    const auto cut =
        use_.resize
            ? nn::resize_like(scores, images, {nn::Alignment::kEdges, {}, {}})
            : scores.slice(2, 0, images.size(2)).slice(3, 0, images.size(3));
    return scores_.to_logits(cut);
  }

 private:
  /// Runs the script. If it rejects the images because their sides must be
  /// multiples of some number, this pads them, now and from then on.
  c10::IValue run(torch::Tensor& input) {
    std::string problem;
    try {
      return run_script(script_, input);
    } catch (const std::exception& error) {
      problem = error.what();
    }
    const bool is_free = !use_.resize && !use_.multiple_of;
    const auto multiple =
        is_free ? find_multiple(script_, input) : std::nullopt;
    if (!multiple) {
      throw DataError(
          fmt::format("{}: {}", path_, explain_failure(script_, input, problem))
      );
    }
    use_.multiple_of = multiple;
    if (use_.notify) {
      use_.notify(fmt::format(
          "{}: sides must be multiples of {}; images are padded, and their scores cut (--multiple-of {})",
          path_, *multiple, *multiple
      ));
    }
    input = padded(input, *multiple);
    return run_script(script_, input);
  }

  torch::Tensor read_scores(
      const c10::IValue& output, const torch::Tensor& input
  ) {
    torch::Tensor scores;
    std::string problem;
    try {
      scores = scores_.read(output, input);
    } catch (const DataError& error) {
      problem = error.what();
    }
    if (!is_checked_) check_size(output, input);
    is_checked_ = true;
    if (!problem.empty()) throw DataError(problem);
    return scores;
  }

  /// Throws: DataError if the script gives scores of one size for images of any
  ///         size. This would distort them.
  void check_size(const c10::IValue& output, const torch::Tensor& input) {
    if (!output.isTensor() || use_.resize) return;
    const auto& scores = output.toTensor();
    if (scores.dim() != 4 ||
        scores.sizes().slice(2) == input.sizes().slice(2)) {
      return;
    }
    const auto size =
        bound_size(script_, input, {scores.size(2), scores.size(3)});
    if (!size) return;
    throw DataError(fmt::format(
        "{}: was traced at one size and returns {}x{} for every image; give --resize {}x{}",
        path_, scores.size(2), scores.size(3), size->height, size->width
    ));
  }

  std::string path_;
  ScriptUse use_;
  jit::Module script_;
  ScriptScores scores_;
  bool is_checked_ = false;
};

}  // namespace

Segmenter load_torchscript(const std::string& path, const ScriptUse& use) {
  nn::limit_onednn_to_avx();
  const auto script = std::make_shared<Script>(path, use);
  return
      [script](const torch::Tensor& images) { return script->segment(images); };
}

}  // namespace deeplab::model
