// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include <ATen/core/ivalue.h>
#include <torch/types.h>

namespace deeplab::model {

/// The meaning of the values that a network returns.
enum class ScoreKind {
  /// Probabilities if they are in 0..1 and sum to 1 over the classes, else
  /// logits. A single channel is taken for logits.
  kDetect,
  kLogits,
  kProbabilities,
};

/// Receives a line for the user.
using Notify = std::function<void(const std::string& line)>;

/// Turns the results of a TorchScript file into scores.
class ScriptScores {
 public:
  /// `path` is used in messages. `notify` may be empty.
  ScriptScores(std::string path, ScoreKind kind, Notify notify);

  /// Returns the scores in a result of forward(): a tensor, a tuple or list
  /// whose first item is a tensor, or a dict with the key "out". A single
  /// channel x is the score of the foreground: it becomes the two logits 0 and
  /// x, or the two probabilities 1 - x and x.
  ///
  /// Shapes: images [N, 3, H, W] -> [N, classes, h, w], where h and w are H and
  /// W divided by the same number, up to rounding.
  /// Throws: DataError for a result that cannot be scores of these images.
  torch::Tensor read(const c10::IValue& output, const torch::Tensor& images);

  /// Returns scores of read() as logits, or as logarithms of probabilities.
  torch::Tensor to_logits(const torch::Tensor& scores) const;

 private:
  void detect(const torch::Tensor& scores);

  std::string path_;
  ScoreKind kind_;
  Notify notify_;
};

}  // namespace deeplab::model
