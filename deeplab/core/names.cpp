// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/names.h"

#include <algorithm>

#include <fmt/core.h>

namespace deeplab {
namespace {

/// Returns the number of typing errors between two words.
/// Source: Damerau 1964, "A technique for computer detection and correction of
/// spelling errors" (optimal string alignment).
size_t typing_errors(const std::string& one, const std::string& other) {
  const size_t width = other.size() + 1;
  std::vector<size_t> errors((one.size() + 1) * width);
  const auto at = [&](size_t i, size_t j) -> size_t& {
    return errors[i * width + j];
  };
  for (size_t i = 0; i <= one.size(); ++i) at(i, 0) = i;
  for (size_t j = 0; j <= other.size(); ++j) at(0, j) = j;
  for (size_t i = 1; i <= one.size(); ++i) {
    for (size_t j = 1; j <= other.size(); ++j) {
      const size_t exchange = one[i - 1] == other[j - 1] ? 0 : 1;
      at(i, j) = std::min(
          {at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + exchange}
      );
      if (i > 1 && j > 1 && one[i - 1] == other[j - 2] &&
          one[i - 2] == other[j - 1]) {
        at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
      }
    }
  }
  return errors.back();
}

}  // namespace

std::string list_names(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

std::string nearest_name(
    const std::string& word, const std::vector<std::string>& known
) {
  // Up to a third of the letters may be wrong; a more distant guess would
  // confuse.
  constexpr size_t kLettersPerError = 3;
  size_t fewest = std::max<size_t>(1, word.size() / kLettersPerError) + 1;
  std::string nearest;
  for (const auto& name : known) {
    const size_t errors = typing_errors(word, name);
    if (errors >= fewest || errors >= name.size()) continue;
    fewest = errors;
    nearest = name;
  }
  return nearest;
}

std::string suggest_name(
    const std::string& word, const std::vector<std::string>& known
) {
  const auto nearest = nearest_name(word, known);
  return nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest);
}

std::string unknown_name(
    const std::string& subject,
    const std::string& word,
    const std::vector<std::string>& known
) {
  return fmt::format(
      "{} is \"{}\"; known: {}{}", subject, word, list_names(known),
      suggest_name(word, known)
  );
}

}  // namespace deeplab
