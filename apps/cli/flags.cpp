// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/flags.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iostream>
#include <optional>
#include <regex>
#include <sstream>

#include <fmt/core.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "apps/machine/launcher.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab::apps {
namespace {

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  std::string part;
  while (std::getline(stream, part, by)) parts.push_back(part);
  return parts;
}

/// Returns the number if the whole of `text` is one.
template <class Number>
std::optional<Number> read_number(const std::string& text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  if (stop != end || problem != std::errc()) return std::nullopt;
  return value;
}

void check_whole(
    const std::string& name, const std::string& word, WholeRange range
) {
  const auto value = read_number<int64_t>(word);
  if (value && *value >= range.least && *value <= range.most) return;
  throw ConfigError(fmt::format(
      "--{} is {}; must be a whole number from {} to {}", name, word,
      range.least, range.most
  ));
}

/// Returns " (did you mean --NAME?)" for the first word that is no flag of the
/// help text but resembles one; empty otherwise.
std::string suggest_flag(const Arguments& arguments, const std::string& help) {
  std::vector<std::string> known;
  const std::regex flag("--[a-z][a-z-]*");
  for (std::sregex_iterator found(help.begin(), help.end(), flag), end;
       found != end; ++found) {
    known.push_back(found->str());
  }
  for (const auto& word : arguments) {
    const auto name = word.substr(0, word.find('='));
    const bool is_flag = name.compare(0, 2, "--") == 0;
    if (!is_flag || std::count(known.begin(), known.end(), name) > 0) continue;
    return suggest_name(name, known);
  }
  return "";
}

}  // namespace

Flags::Flags(
    const std::string& verb, const std::string& about, const std::string& usage
)
    : options_("deeplab " + verb, about), groups_{""} {
  options_.custom_help(usage);
  options_.positional_help("");
  options_.set_width(80);
  auto add = options_.add_options();
  add("h,help", "Print this help.");
  add("threads", "Number of LibTorch's threads; default: the number of CPUs.",
      cxxopts::value<std::string>());
  wholes_.push_back({"threads", {1, 1024}});
}

void Flags::add_whole(
    const std::string& name,
    const std::string& about,
    WholeRange range,
    int64_t by_default
) {
  add(
  )(name, about,
    cxxopts::value<std::string>()->default_value(std::to_string(by_default)));
  wholes_.push_back({name, range});
}

void Flags::add_device() {
  options_.add_options(
  )("device", "Device to run on: cpu, cuda or cuda:N.",
    cxxopts::value<std::string>()->default_value("cpu"));
}

cxxopts::OptionAdder Flags::add(const std::string& group) {
  if (std::find(groups_.begin(), groups_.end(), group) == groups_.end()) {
    groups_.push_back(group);
  }
  return options_.add_options(group);
}

void Flags::take_positional(const std::string& name) {
  options_.add_options("hidden"
  )(name, "", cxxopts::value<std::vector<std::string>>());
  options_.parse_positional({name});
}

bool Flags::parse(const Arguments& arguments) {
  std::vector<const char*> words{"deeplab"};
  for (const auto& word : arguments) words.push_back(word.c_str());
  try {
    result_ = options_.parse(static_cast<int>(words.size()), words.data());
  } catch (const cxxopts::exceptions::exception& error) {
    throw ConfigError(fmt::format(
        "{}{}; {} --help lists the flags", error.what(),
        suggest_flag(arguments, options_.help(groups_)), options_.program()
    ));
  }
  if (has("help")) {
    std::cout << options_.help(groups_);
    return false;
  }
  if (!result_.unmatched().empty()) {
    throw ConfigError(fmt::format(
        "\"{}\" is not a flag; {} --help lists them",
        result_.unmatched().front(), options_.program()
    ));
  }
  check_values();
  for (const auto& [name, range] : wholes_) {
    if (has(name)) check_whole(name, text(name), range);
  }
  if (has("threads")) {
    torch::set_num_threads(static_cast<int>(whole("threads")));
  }
  return true;
}

void Flags::check_values() const {
  // Of other flags the last one counts, so that a script can add its own.
  constexpr std::array kOnce{
      "config", "checkpoint", "torchscript", "init-from"};
  for (const char* name : kOnce) {
    if (result_.count(name) < 2) continue;
    throw ConfigError(fmt::format("--{} is given twice; give it once", name));
  }
  for (const auto& argument : result_.arguments()) {
    if (!argument.value().empty()) continue;
    throw ConfigError(fmt::format(
        "--{} is empty; give a value, or leave it out", argument.key()
    ));
  }
}

std::vector<std::string> Flags::list(const std::string& name) const {
  return split(text(name), ',');
}

std::vector<std::string> Flags::words(const std::string& name) const {
  return has(name) ? get<std::vector<std::string>>(name)
                   : std::vector<std::string>{};
}

int64_t Flags::whole(const std::string& name) const {
  return read_number<int64_t>(text(name)).value();
}

double Flags::number(const std::string& name) const {
  const auto value = read_number<double>(text(name));
  if (value) return *value;
  throw ConfigError(
      fmt::format("--{} is {}; must be a number", name, text(name))
  );
}

std::vector<int64_t> Flags::numbers(const std::string& name, int64_t least)
    const {
  std::vector<int64_t> numbers;
  if (!has(name)) return numbers;
  for (const auto& word : list(name)) {
    const auto value = read_number<int64_t>(word);
    if (!value || *value < least || *value > 999) {
      throw ConfigError(fmt::format(
          "--{}: \"{}\" is not a whole number from {} to 999", name, word, least
      ));
    }
    numbers.push_back(*value);
  }
  return numbers;
}

std::vector<double> Flags::reals(const std::string& name) const {
  std::vector<double> numbers;
  for (const auto& word : list(name)) {
    const auto value = read_number<double>(word);
    if (!value) {
      throw ConfigError(fmt::format("--{}: \"{}\" is not a number", name, word)
      );
    }
    numbers.push_back(*value);
  }
  return numbers;
}

ImageSize Flags::size(const std::string& name) const {
  std::istringstream words(text(name));
  ImageSize size{};
  char by = 0;
  constexpr int64_t kMost = 65536;
  const bool read = static_cast<bool>(words >> size.height >> by >> size.width);
  if (!read || by != 'x' ||
      words.peek() != std::istringstream::traits_type::eof()) {
    throw ConfigError(fmt::format(
        "--{} {}: expected HEIGHTxWIDTH, e.g. 513x513", name, text(name)
    ));
  }
  for (const int64_t side : {size.height, size.width}) {
    if (side >= 1 && side <= kMost) continue;
    throw ConfigError(
        fmt::format("--{}: a side is {}; must be in 1..65536", name, side)
    );
  }
  return size;
}

torch::Device Flags::device() const {
  const auto name = text("device");
  try {
    torch::Device device(name);
    if (device.is_cpu()) return device;
    // Each process on this host uses its own device.
    if (device.is_cuda() && !device.has_index()) {
      device.set_index(static_cast<c10::DeviceIndex>(local_rank()));
    }
    const auto count = static_cast<int>(torch::cuda::device_count());
    if (device.is_cuda() && device.index() < count && count > 0) return device;
  } catch (const c10::Error&) {
    throw ConfigError(fmt::format("--device {}; known: cpu, cuda, cuda:N", name)
    );
  }
  throw ConfigError(fmt::format(
      "--device {}: LibTorch finds no such device on this machine", name
  ));
}

}  // namespace deeplab::apps
