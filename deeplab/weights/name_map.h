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

  /// E.g. "jfzhang95"; for messages and `deeplab convert --names`.
  const char* project;
  /// The first rule that matches counts; a name that none matches is not
  /// theirs.
  std::vector<Rule> rules;
  /// Beginnings of names in their files that no network of ours has, such as a
  /// classifier's.
  std::vector<const char*> left_out;

  /// Their name for one of ours; nullopt: they have no such parameter.
  std::optional<std::string> theirs(const std::string& ours) const;
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

/// VGG-16's fully connected layers as DeepLab's fc6 and fc7: a kernel of fewer
/// taps by leaving out taps, fewer channels by leaving out channels, evenly.
/// Adds what `own` has named fc6 and fc7 (of large_fov, or of each branch of
/// ASPP) where the file has torchvision's "classifier.0" and "classifier.3".
/// Source: Chen et al. 2014, arXiv:1412.7062, section 3.1; channels: 2016,
/// arXiv:1606.00915, section 4.1.
void decimate_vgg(const StateDict& file, const StateDict& own, StateDict& into);

/// Fills a network from a file of any of these projects.
/// Throws: DataError as read_weights() does.
LoadReport load_file(torch::nn::Module& network, const std::string& path);

}  // namespace deeplab::weights
