// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iomanip>
#include <iostream>

#include <fmt/core.h>
#include <torch/utils.h>

#include "apps/cli/flags.h"
#include "apps/machine/progress.h"
#include "apps/pictures/contact_sheet.h"
#include "apps/verbs/config_flags.h"
#include "apps/verbs/data_verbs.h"
#include "data/check.h"
#include "data/files/image_file.h"
#include "data/kinds.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShownProblems = 10;

/// A split and the results of its check.
struct CheckedSplit {
  std::string name;
  std::shared_ptr<const data::Dataset> dataset;
  data::CheckReport report;
};

struct Range {
  int64_t least;
  int64_t median;
  int64_t most;
};
Range range_of(std::vector<int64_t> sides) {
  std::sort(sides.begin(), sides.end());
  return {sides.front(), sides[sides.size() / 2], sides.back()};
}

struct Sizes {
  Range width;
  Range height;
};
Sizes sizes_of(const data::CheckReport& report) {
  std::vector<int64_t> widths;
  std::vector<int64_t> heights;
  for (const auto& facts : report.facts) {
    widths.push_back(facts.width);
    heights.push_back(facts.height);
  }
  return {range_of(widths), range_of(heights)};
}

void print_classes(const data::CheckReport& report, const Classes& classes) {
  int64_t total = report.void_pixels;
  for (const int64_t pixels : report.class_pixels) total += pixels;
  const auto line = [&](const std::string& name, int64_t pixels) {
    const double share = total == 0 ? 0
                                    : 100 * static_cast<double>(pixels) /
                                          static_cast<double>(total);
    std::cout << "  " << std::left << std::setw(20) << name << std::right
              << std::setw(14) << pixels << std::setw(8) << std::fixed
              << std::setprecision(2) << share << " %"
              << (pixels == 0 && name != "void" ? "  (never occurs)" : "")
              << '\n';
  };
  for (size_t k = 0; k < classes.names.size(); ++k) {
    line(classes.names[k], report.class_pixels[k]);
  }
  line("void", report.void_pixels);
  const auto& pixels = report.class_pixels;
  const bool misses = std::count(pixels.begin(), pixels.end(), 0) > 0;
  if (misses && report.void_pixels > 0) {
    std::cout
        << "  a class never occurs, but void does: every 255 in a mask counts as void, even if it was meant as a class\n";
  }
}

void print_images(const data::CheckReport& report) {
  if (report.facts.empty()) return;
  const auto line = [](const char* what, const Range& range) {
    std::cout << "  " << what << ' ' << range.least << " to " << range.most
              << ", median " << range.median << '\n';
  };
  const auto sizes = sizes_of(report);
  line("width", sizes.width);
  line("height", sizes.height);
  const auto numbers = [](const char* what, const auto& rgb) {
    std::cout << what << std::setprecision(3) << rgb[0] << ' ' << rgb[1] << ' '
              << rgb[2];
  };
  numbers("  RGB mean ", report.mean);
  numbers(", deviation ", report.deviation);
  std::cout << '\n';
}

Json range_json(const Range& range) {
  return {
      {"least", range.least}, {"median", range.median}, {"most", range.most}};
}

Json split_json(const CheckedSplit& split) {
  const auto& report = split.report;
  Json json{
      {"images", report.images},
      {"unusable", report.problems},
      {"class_pixels", report.class_pixels},
      {"void_pixels", report.void_pixels},
      {"mean", report.mean},
      {"std", report.deviation},
      {"class_weights",
       {{"median_frequency", median_frequency_weights(report)},
        {"inverse_log", inverse_log_weights(report)}}}};
  if (!report.facts.empty()) {
    const auto sizes = sizes_of(report);
    json["width"] = range_json(sizes.width);
    json["height"] = range_json(sizes.height);
  }
  return json;
}

/// Writes, for each class, the IDs of the images that contain it, one per line,
/// for data.repeat_list.
void write_class_lists(const std::string& folder, const CheckedSplit& split) {
  fs::create_directories(folder);
  const auto& names = split.dataset->classes().names;
  for (size_t k = 0; k < names.size(); ++k) {
    std::string ids;
    for (const auto& facts : split.report.facts) {
      if (std::count(facts.classes.begin(), facts.classes.end(), k) == 0) {
        continue;
      }
      ids += facts.id + "\n";
    }
    std::string name = names[k];
    std::replace_if(
        name.begin(), name.end(),
        [](unsigned char letter) { return std::isalnum(letter) == 0; }, '_'
    );
    write_file(fmt::format("{}/{}_{}.txt", folder, k, name), ids);
  }
}

void write_report(
    const std::string& folder,
    const std::vector<CheckedSplit>& splits,
    const std::vector<data::Duplicate>& duplicates
) {
  fs::create_directories(folder);
  Json json;
  json["classes"] = splits[0].dataset->classes().names;
  for (const auto& split : splits) {
    json["splits"][split.name] = split_json(split);
    const auto sheet = draw_contact_sheet(*split.dataset);
    if (sheet.empty()) continue;
    data::write_image(folder + "/" + split.name + ".png", sheet);
  }
  write_class_lists(folder + "/train_with", splits[0]);
  json["near_duplicates"] = Json::array();
  for (const auto& pair : duplicates) {
    json["near_duplicates"].push_back({pair.one, pair.other});
  }
  write_file(folder + "/check.json", json.dump(2) + "\n");
}

void check_split(CheckedSplit& split) {
  {
    Progress progress("check " + split.name, split.dataset->size(), 0);
    split.report = check_dataset(
        *split.dataset, torch::get_num_threads(),
        [&](int64_t done) { progress.update(done, ""); }
    );
  }
  std::cout << split.name << ": " << split.report.images << " images, "
            << split.report.problems.size() << " unusable\n";
  print_classes(split.report, split.dataset->classes());
  print_images(split.report);
}

}  // namespace

int data_check(const Arguments& arguments) {
  Flags flags(
      "data check",
      "Reads every image and mask of a data set, counts the labels, and searches\n"
      "for images that are in both splits.",
      "--config FILE | --data DIR [--classes a,b,c] [--out DIR]"
  );
  flags.add(
  )("out",
    "New folder for check.json (class weights, mean, sizes), a contact sheet of each split, and train_with/, which lists the training images of each class.",
    cxxopts::value<std::string>());
  const ConfigFlags config_flags(flags, ConfigScope::kData);
  if (!flags.parse(arguments)) return 0;
  const auto config = config_flags.config(Json::object()).data;
  const auto folder = flags.has("out") ? new_folder(flags) : std::string();
  std::vector<CheckedSplit> splits;
  for (const auto role : {data::Role::kTrain, data::Role::kValidation}) {
    splits.push_back({config.split(role), make_dataset(config, role), {}});
  }
  for (auto& split : splits) check_split(split);
  const auto duplicates = near_duplicates(splits[0].report, splits[1].report);
  if (!duplicates.empty()) {
    std::cout << duplicates.size() << " images of " << splits[1].name
              << " look like an image of " << splits[0].name << ", e.g. "
              << duplicates[0].other << " like " << duplicates[0].one << '\n';
  }
  if (!folder.empty()) {
    write_report(folder, splits, duplicates);
    std::cout << folder << '\n';
  }
  std::vector<std::string> problems;
  for (const auto& split : splits) {
    problems.insert(
        problems.end(), split.report.problems.begin(),
        split.report.problems.end()
    );
  }
  if (problems.empty()) return 0;
  for (size_t i = 1; i < problems.size() && i < kShownProblems; ++i) {
    std::cerr << "also: " << problems[i] << '\n';
  }
  throw DataError(fmt::format(
      "{} ({} unusable pairs in total)", problems[0], problems.size()
  ));
}

}  // namespace deeplab::apps
