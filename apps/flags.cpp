// SPDX-License-Identifier: Apache-2.0
#include "apps/flags.h"

#include <charconv>
#include <iostream>
#include <optional>
#include <sstream>

#include <torch/cuda.h>
#include <torch/types.h>

#include "apps/world.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  std::string part;
  while (std::getline(stream, part, by)) parts.push_back(part);
  return parts;
}

/// The number that all of `text` is, if it is one.
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
  throw ConfigError(
      str("--",
          name,
          " is ",
          word,
          "; must be a whole number, ",
          range.least,
          " to ",
          range.most)
  );
}

}  // namespace

Flags::Flags(
    const std::string& verb, const std::string& about, const std::string& usage
)
    : options_("deeplab " + verb, about) {
  options_.custom_help(usage);
  options_.positional_help("");
  options_.set_width(80);
  auto add = options_.add_options();
  add("h,help", "print this");
  add("threads",
      "threads of LibTorch; default: the machine's cores",
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
  )(name,
    about,
    cxxopts::value<std::string>()->default_value(std::to_string(by_default)));
  wholes_.push_back({name, range});
}

void Flags::add_device() {
  options_.add_options(
  )("device",
    "cpu, cuda or cuda:N",
    cxxopts::value<std::string>()->default_value("cpu"));
}

void Flags::add_crf() {
  options_.add_options(
  )("crf",
    "CRF: resnet101, vgg16 (the papers' parameters), short-range or a file",
    cxxopts::value<std::string>()->implicit_value("resnet101"));
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
    throw ConfigError(
        str(error.what(), "; ", options_.program(), " --help lists the flags")
    );
  }
  if (has("help")) {
    std::cout
        << (kind_ == ConfigFlags::kNone ? options_.help({""})
                                        : options_.help({"", kConfigGroup}));
    return false;
  }
  if (!result_.unmatched().empty()) {
    throw ConfigError(
        str("\"",
            result_.unmatched().front(),
            "\" is not a flag; ",
            options_.program(),
            " --help lists them")
    );
  }
  for (const auto& [name, range] : wholes_) {
    if (has(name)) check_whole(name, text(name), range);
  }
  if (has("threads")) {
    torch::set_num_threads(static_cast<int>(whole("threads")));
  }
  return true;
}

std::vector<std::string> Flags::list(const std::string& name) const {
  return split(text(name), ',');
}

int64_t Flags::whole(const std::string& name) const {
  return read_number<int64_t>(text(name)).value();
}

double Flags::number(const std::string& name) const {
  const auto value = read_number<double>(text(name));
  if (value) return *value;
  throw ConfigError(str("--", name, " is ", text(name), "; must be a number"));
}

std::vector<int64_t> Flags::numbers(const std::string& name, int64_t least)
    const {
  std::vector<int64_t> numbers;
  if (!has(name)) return numbers;
  for (const auto& word : list(name)) {
    const auto value = read_number<int64_t>(word);
    if (!value || *value < least || *value > 999) {
      throw ConfigError(
          str("--",
              name,
              ": \"",
              word,
              "\" is not a whole number, ",
              least,
              " to 999")
      );
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
      throw ConfigError(str("--", name, ": \"", word, "\" is not a number"));
    }
    numbers.push_back(*value);
  }
  return numbers;
}

model::ImageSize Flags::size(const std::string& name) const {
  std::istringstream words(text(name));
  model::ImageSize size{};
  char by = 0;
  constexpr int64_t kMost = 65536;
  const bool read = static_cast<bool>(words >> size.height >> by >> size.width);
  if (!read || by != 'x' ||
      words.peek() != std::istringstream::traits_type::eof()) {
    throw ConfigError(str(
        "--", name, " ", text(name), ": expected HEIGHTxWIDTH, e.g. 513x513"
    ));
  }
  for (const int64_t side : {size.height, size.width}) {
    if (side >= 1 && side <= kMost) continue;
    throw ConfigError(
        str("--", name, ": a side is ", side, "; known: 1 to 65536")
    );
  }
  return size;
}

torch::Device Flags::device() const {
  const auto name = text("device");
  try {
    torch::Device device(name);
    if (device.is_cpu()) return device;
    // One device to each process.
    if (device.is_cuda() && !device.has_index()) {
      device.set_index(static_cast<c10::DeviceIndex>(local_rank()));
    }
    const auto count = static_cast<int>(torch::cuda::device_count());
    if (device.is_cuda() && device.index() < count && count > 0) return device;
  } catch (const c10::Error&) {
    throw ConfigError(str("--device ", name, "; known: cpu, cuda, cuda:N"));
  }
  throw ConfigError(str("--device ", name, ": this LibTorch has no such device")
  );
}

}  // namespace deeplab::apps
