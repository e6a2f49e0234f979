// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/segmenter.h"

#include <filesystem>

#include <torch/script.h>

#include "deeplab/core/error.h"
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

class EvaluationMode {
 public:
  explicit EvaluationMode(DeepLabImpl& network)
      : network_(network), was_training_(network.is_training()) {
    network_.eval();
  }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;
  ~EvaluationMode() { network_.train(was_training_); }

 private:
  DeepLabImpl& network_;
  bool was_training_;
};

}  // namespace

Segmenter make_segmenter(DeepLab network) {
  return [network](const torch::Tensor& images) mutable {
    torch::NoGradGuard no_grad;
    const EvaluationMode mode(*network);
    return network->forward(images);
  };
}

Segmenter load_torchscript(const std::string& path, torch::Device device) {
  if (!std::filesystem::exists(path)) {
    throw DataError(str(path, ": no such file"));
  }
  try {
    auto script = torch::jit::load(path, device);
    script.eval();
    return [script, path](const torch::Tensor& images) mutable {
      torch::NoGradGuard no_grad;
      c10::IValue output;
      try {
        output = script.forward({images});
      } catch (const std::exception& error) {
        throw DataError(
            str(path,
                ": fails on an image of ",
                images.size(-2),
                "x",
                images.size(-1),
                ": ",
                last_line(error.what()))
        );
      }
      const auto scores = scores_of(output, path);
      if (scores.dim() != 4 || scores.size(0) != images.size(0)) {
        throw DataError(str(
            path, ": gives ", scores.sizes(), "; expected [N, classes, H, W]"
        ));
      }
      return nn::resize_like(scores, images, nn::AlignCorners::kNo);
    };
  } catch (const c10::Error& error) {
    throw DataError(
        str(path,
            ": not a TorchScript file: ",
            first_line(error.what_without_backtrace()))
    );
  } catch (const std::exception& error) {
    throw DataError(
        str(path, ": not a TorchScript file: ", first_line(error.what()))
    );
  }
}

}  // namespace deeplab::model
