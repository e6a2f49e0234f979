// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "apps/flags.h"
#include "apps/progress.h"
#include "apps/verbs.h"
#include "data/check.h"
#include "data/image_file.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShownProblems = 10;

void print_report(
    const data::CheckReport& report,
    const data::Classes& classes,
    const std::string& title
) {
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
  std::cout << title << ": " << report.images << " images, "
            << report.problems.size() << " unusable\n";
  for (size_t k = 0; k < classes.names.size(); ++k) {
    line(classes.names[k], report.class_pixels[k]);
  }
  line("void", report.void_pixels);
}

int check(const Arguments& arguments) {
  Flags flags(
      "data check",
      "Reads every image and mask of a data set and counts its labels.",
      "--config FILE | --data DIR [--classes a,b,c]"
  );
  flags.add_config(ConfigFlags::kData);
  if (!flags.parse(arguments)) return 0;
  const auto config = flags.config(Json::object());
  std::vector<std::string> problems;
  for (const auto role : {data::Role::kTrain, data::Role::kValidation}) {
    const auto dataset = make_dataset(config.data, role);
    const auto& split = role == data::Role::kTrain ? config.data.train_split
                                                   : config.data.val_split;
    Progress progress("check " + split, dataset->size(), 0);
    const auto report = check_dataset(*dataset, [&](int64_t done) {
      progress.update(done, "");
    });
    print_report(report, dataset->classes(), split);
    problems.insert(
        problems.end(), report.problems.begin(), report.problems.end()
    );
  }
  if (problems.empty()) return 0;
  for (size_t i = 1; i < problems.size() && i < kShownProblems; ++i) {
    std::cerr << "also: " << problems[i] << '\n';
  }
  throw DataError(
      str(problems[0], " (", problems.size(), " unusable pairs in all)")
  );
}

void write_split(
    const data::Dataset& dataset,
    const std::string& folder,
    const std::string& split
) {
  std::ostringstream list;
  Progress progress("synthesize " + split, dataset.size(), 0);
  for (int64_t index = 0; index < dataset.size(); ++index) {
    const auto sample = dataset.load(index);
    const auto id = dataset.id(index);
    data::write_image(folder + "/JPEGImages/" + id + ".jpg", sample.image);
    data::write_mask(
        folder + "/SegmentationClass/" + id + ".png",
        sample.labels,
        dataset.classes()
    );
    list << id << '\n';
    progress.update(index + 1, "");
  }
  write_file(folder + "/ImageSets/Segmentation/" + split + ".txt", list.str());
}

int synthesize(const Arguments& arguments) {
  Flags flags(
      "data synthesize",
      "Writes the synthetic data set as files, in Pascal VOC layout.",
      "DIR [--set data.synthetic.train_images=100 ...]"
  );
  flags.add_config(ConfigFlags::kData);
  flags.take_positional("folder");
  if (!flags.parse(arguments)) return 0;
  const auto folders = flags.has("folder")
                           ? flags.get<std::vector<std::string>>("folder")
                           : std::vector<std::string>{};
  if (folders.size() != 1) throw ConfigError("name one folder to write into");
  const auto& folder = folders[0];
  if (fs::exists(folder) && !fs::is_empty(folder)) {
    throw ConfigError(str(folder, ": is not empty; name a new folder"));
  }
  auto config = flags.config(Json::object()).data;
  config.kind = "synthetic";
  const auto train = make_dataset(config, data::Role::kTrain);
  write_split(*train, folder, "train");
  write_split(*make_dataset(config, data::Role::kValidation), folder, "val");
  Json classes = Json::array();
  for (size_t k = 0; k < train->classes().names.size(); ++k) {
    classes.push_back(
        {{"name", train->classes().names[k]},
         {"color", train->classes().colors[k]}}
    );
  }
  write_file(folder + "/classes.json", classes.dump(2) + "\n");
  std::cout << folder << '\n';
  return 0;
}

}  // namespace

int data(const Arguments& arguments) {
  const std::string what = arguments.empty() ? "--help" : arguments[0];
  if (what == "check") return check({arguments.begin() + 1, arguments.end()});
  if (what == "synthesize") {
    return synthesize({arguments.begin() + 1, arguments.end()});
  }
  if (what != "--help" && what != "-h") {
    throw ConfigError(str("data ", what, "; known: check, synthesize"));
  }
  std::cout
      << "deeplab data check [flags]       read a data set, count labels\n"
         "deeplab data synthesize DIR      write the synthetic one out\n";
  return 0;
}

}  // namespace deeplab::apps
