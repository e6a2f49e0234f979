// SPDX-License-Identifier: Apache-2.0
// Error messages about names of keys, flags, verbs, backbones, losses and so
// on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deeplab/core/error.h"

namespace deeplab {

/// Returns "a, b, c".
std::string list_names(const std::vector<std::string>& names);

/// Returns the known name that takes the fewest typing errors (a letter added,
/// left out, exchanged, or swapped with its neighbour) to become `word`; empty
/// if none is close.
std::string nearest_name(
    const std::string& word, const std::vector<std::string>& known
);

/// Returns " (did you mean NAME?)" for the nearest known name; empty if none is
/// close.
std::string suggest_name(
    const std::string& word, const std::vector<std::string>& known
);

/// Returns the error message for an unknown name. It contains `subject` (e.g. a
/// config key), the name that was given, the known names, and the nearest of
/// them.
std::string unknown_name(
    const std::string& subject,
    const std::string& word,
    const std::vector<std::string>& known
);

/// One line of `deeplab describe`: a name and its description.
struct NamedUse {
  std::string name;
  std::string about;
};

/// Returns the names of a table whose entries have a member `name`. A name that
/// occurs in several entries is returned once.
template <class Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& entry : table) {
    if (names.empty() || names.back() != entry.name) {
      names.emplace_back(entry.name);
    }
  }
  return names;
}

/// Returns the names of a table with their descriptions, the members `about`.
template <class Table>
std::vector<NamedUse> uses_of(const Table& table) {
  std::vector<NamedUse> uses;
  uses.reserve(table.size());
  for (const auto& entry : table) uses.push_back({entry.name, entry.about});
  return uses;
}

/// Returns the entry of a table that has this name.
/// Throws: ConfigError that begins with `subject` and lists the known names.
template <class Table>
const typename Table::value_type& find_named(
    const Table& table, std::string_view subject, std::string_view name
) {
  for (const auto& entry : table) {
    if (name == entry.name) return entry;
  }
  throw ConfigError(
      unknown_name(std::string(subject), std::string(name), names_of(table))
  );
}

}  // namespace deeplab
