// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "deeplab/weights/state_dict.h"

namespace deeplab::weights {

/// The names that one project gives to the parameters of a network of ours.
struct NameMap {
  /// How one beginning of a name is spelled.
  struct Rule {
    /// The beginning of our name; each # stands for a number.
    std::string ours;
    /// What replaces it; {1} is the first number, {1+1} one more than that.
    std::string theirs;
  };
  /// How their tensors lie.
  enum class Layout {
    /// As ours.
    kPyTorch,
    /// Convolutions [h, w, in, out], depthwise ones [h, w, in, 1]; batch
    /// norm's tensors are gamma, beta, moving_mean, moving_variance.
    kTensorFlow,
  };

  /// E.g. "jfzhang95"; for messages and `deeplab convert --names`.
  const char* project;
  /// The first rule that matches counts; a name that none matches is not
  /// theirs.
  std::vector<Rule> rules;
  /// Beginnings of names in their files that no network of ours has, such as a
  /// classifier's.
  std::vector<const char*> left_out;
  Layout layout = Layout::kPyTorch;

  /// Their name for one of ours; nullopt: they have no such parameter.
  std::optional<std::string> theirs(const std::string& ours) const;
  /// A tensor under their name as it lies in ours, and the other way.
  torch::Tensor to_ours(const std::string& theirs, const torch::Tensor& tensor)
      const;
  torch::Tensor to_theirs(
      const std::string& theirs, const torch::Tensor& tensor
  ) const;
};

/// All that are known, our own names first.
const std::vector<NameMap>& name_maps();

/// A file's tensors under our names.
struct Adopted {
  /// Whose names they had.
  std::string project;
  /// Those that no rule knows keep their names.
  StateDict tensors;
};

/// Finds the project under whose names the file has most of a network's
/// tensors, and renames them. `own` is the network's state_dict().
Adopted adopt_names(const StateDict& file, const StateDict& own);

/// A file to fill a network from.
struct WeightsSource {
  std::string path;
  /// As read_weights()'s.
  std::string wrapper;
};

/// Fills a network from a file of any of these projects.
/// Throws: DataError as read_weights() does.
LoadReport load_file(torch::nn::Module& network, const WeightsSource& source);

}  // namespace deeplab::weights
