// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "deeplab/weights/read_weights.h"
#include "deeplab/weights/state_dict.h"

namespace deeplab::weights {

/// The names that one project gives to the parameters of a network that we also
/// have.
struct NameMap {
  /// Translates the beginning of a parameter's name.
  struct Rule {
    /// The beginning of our name; each # matches a number.
    std::string ours;
    /// The text that replaces it; {1} is the first number, {1+1} one more than
    /// that.
    std::string theirs;
  };
  /// The memory layout and the last words of the names of the project's
  /// tensors.
  enum class Layout {
    /// The same layout and words as ours.
    kPyTorch,
    /// Convolution weights are [h, w, in, out], depthwise ones [h, w, in, 1];
    /// the tensors of a batch norm are called gamma, beta, moving_mean and
    /// moving_variance.
    kTensorFlow,
  };

  /// E.g. "jfzhang95"; used in messages and by `deeplab convert --names`.
  const char* project;
  /// The first rule that matches a name applies. A name that no rule matches
  /// does not exist in the project.
  std::vector<Rule> rules;
  /// Beginnings of names in the project's files that none of our networks has,
  /// such as those of a classifier.
  std::vector<const char*> left_out;
  Layout layout = Layout::kPyTorch;

  /// Returns the project's name for one of ours; nullopt if the project has no
  /// such parameter.
  std::optional<std::string> theirs(const std::string& ours) const;
  /// Convert a tensor from the project's memory layout to ours, and back.
  /// `theirs` is the tensor's name in the project.
  torch::Tensor to_ours(const std::string& theirs, const torch::Tensor& tensor)
      const;
  torch::Tensor to_theirs(
      const std::string& theirs, const torch::Tensor& tensor
  ) const;
};

/// Returns all known maps, starting with our own names.
const std::vector<NameMap>& name_maps();

/// The tensors of a file under our names.
struct Adopted {
  /// The project whose names the file has.
  std::string project;
  /// What was removed from the beginning of names, e.g. "model."; mostly empty.
  std::string prefix;
  /// Tensors that no rule matches keep their names.
  StateDict tensors;
};

/// Finds the project under whose names the file has the most tensors of a
/// network, and renames the tensors. If the names have a common prefix of one
/// to three words, it is found and removed. A classifier of one channel (the
/// logit of the foreground) gets a second one, for a network of two classes.
/// `own` is the network's state_dict().
Adopted adopt_names(const StateDict& file, const StateDict& own);

/// A file of weights to load into a network.
struct WeightsSource {
  std::string path;
  /// The dict to read; see read_weights().
  std::string wrapper;
};

/// Loads the tensors of a file of any known project into a network.
LoadReport load_tensors(torch::nn::Module& network, const WeightsFile& file);

/// Reads a file and loads it in the same way.
/// Throws: DataError in the same cases as read_weights().
LoadReport load_file(torch::nn::Module& network, const WeightsSource& source);

}  // namespace deeplab::weights
