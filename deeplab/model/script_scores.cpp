// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/script_scores.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "deeplab/core/error.h"

namespace deeplab::model {
namespace {

torch::Tensor tensor_of(const c10::IValue& output, const std::string& path) {
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

/// Returns whether both sides of an image were divided by the same number to
/// give the sides of the scores, up to one row and column.
bool fits(const torch::Tensor& scores, const torch::Tensor& images) {
  const auto least = [&](int64_t side) {
    return static_cast<double>(scores.size(side) - 1) /
           static_cast<double>(images.size(side));
  };
  const auto most = [&](int64_t side) {
    return static_cast<double>(scores.size(side) + 1) /
           static_cast<double>(images.size(side));
  };
  return std::max(least(2), least(3)) <= std::min(most(2), most(3));
}

void check_shape(
    const torch::Tensor& scores,
    const torch::Tensor& images,
    const std::string& path
) {
  const bool valid = scores.dim() == 4 && scores.size(0) == images.size(0) &&
                     scores.numel() > 0 && scores.is_floating_point() &&
                     fits(scores, images);
  if (valid) return;
  const bool channels_last = scores.dim() == 4 &&
                             scores.size(1) == images.size(2) &&
                             scores.size(2) == images.size(3);
  throw DataError(fmt::format(
      "{}: returns {} {} for an image of {}x{}; expected [N, classes, H, W] of floating-point numbers{}",
      path, std::string(scores.dtype().name()), scores.sizes(), images.size(2),
      images.size(3),
      channels_last ? ", so permute its result from [N, H, W, classes]" : ""
  ));
}

bool is_in_unit_range(const torch::Tensor& scores) {
  return scores.min().item<double>() >= 0 && scores.max().item<double>() <= 1;
}

bool are_probabilities(const torch::Tensor& scores) {
  // float16 and bfloat16 round each probability.
  constexpr double kTolerance = 0.01;
  return is_in_unit_range(scores) &&
         scores.to(torch::kFloat32).sum(1).sub(1).abs().max().item<double>() <
             kTolerance;
}

}  // namespace

ScriptScores::ScriptScores(std::string path, ScoreKind kind, Notify notify)
    : path_(std::move(path)), kind_(kind), notify_(std::move(notify)) {}

void ScriptScores::detect(const torch::Tensor& scores) {
  const auto say = [&](const std::string& line) {
    if (notify_) notify_(fmt::format("{}: {}", path_, line));
  };
  kind_ = ScoreKind::kLogits;
  if (scores.size(1) == 1) {
    if (!is_in_unit_range(scores)) return;
    say("warning: returns one channel of values in 0..1, which is taken for logits, so that all above 0 is foreground; if these are probabilities, give --scores probabilities"
    );
  } else if (are_probabilities(scores)) {
    kind_ = ScoreKind::kProbabilities;
    say("returns probabilities, which are used as they are (--scores logits takes them for logits)"
    );
  }
}

torch::Tensor ScriptScores::read(
    const c10::IValue& output, const torch::Tensor& images
) {
  auto scores = tensor_of(output, path_);
  check_shape(scores, images, path_);
  if (kind_ == ScoreKind::kDetect) detect(scores);
  if (kind_ == ScoreKind::kProbabilities && !is_in_unit_range(scores)) {
    throw DataError(fmt::format(
        "{}: returns values from {} to {}, which are no probabilities; give --scores logits",
        path_, scores.min().item<double>(), scores.max().item<double>()
    ));
  }
  if (scores.size(1) > 1) return scores;
  const auto background = kind_ == ScoreKind::kProbabilities
                              ? 1 - scores
                              : torch::zeros_like(scores);
  return torch::cat({background, scores}, 1);
}

torch::Tensor ScriptScores::to_logits(const torch::Tensor& scores) const {
  if (kind_ != ScoreKind::kProbabilities) return scores;
  constexpr double kLeast = 1e-30;
  return scores.to(torch::kFloat32).clamp_min(kLeast).log();
}

}  // namespace deeplab::model
