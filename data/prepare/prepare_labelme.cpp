// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/core.h>
#include <opencv2/imgproc.hpp>

#include "data/files/archive.h"
#include "data/prepare/annotated.h"
#include "data/prepare/coco_mask.h"
#include "data/prepare/prepare.h"
#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

using Point = std::vector<double>;

struct Shape {
  std::string label;
  std::string type;
  std::vector<Point> points;
};

/// One of labelme's files.
struct LabelmeFile {
  std::string name;
  std::string photo;
  cv::Size size;
  std::vector<Shape> shapes;
};

/// Names that mark what is no object.
bool is_background(const std::string& label) {
  return label == "_background_" || label == "background";
}

LabelmeFile read_labelme(const std::string& text, const std::string& name) {
  LabelmeFile file;
  file.name = name;
  try {
    const auto json = Json::parse(text);
    file.photo = json.at("imagePath").get<std::string>();
    file.size = {
        json.at("imageWidth").get<int>(), json.at("imageHeight").get<int>()};
    constexpr int kMost = 65535;
    const bool is_valid = file.size.width >= 1 && file.size.width <= kMost &&
                          file.size.height >= 1 && file.size.height <= kMost;
    if (!is_valid) throw DataError("imageWidth or imageHeight is out of range");
    for (const auto& item : json.at("shapes")) {
      file.shapes.push_back(
          {item.at("label").get<std::string>(),
           item.value("shape_type", "polygon"),
           item.at("points").get<std::vector<Point>>()}
      );
    }
  } catch (const Json::exception& error) {
    throw DataError(fmt::format("{}: {}", name, error.what()));
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", name, error.what()));
  }
  return file;
}

/// Returns the corners x1, y1, x2, y2, ... of a shape.
std::vector<double> corners_of(const Shape& shape) {
  std::vector<double> corners;
  const auto need = [&](size_t points) {
    const bool fits = (points > 0 ? shape.points.size() == points
                                  : shape.points.size() >= 3) &&
                      std::all_of(
                          shape.points.begin(), shape.points.end(),
                          [](const Point& point) { return point.size() == 2; }
                      );
    if (fits) return;
    throw DataError(fmt::format(
        "a {} of \"{}\" has {} points", shape.type, shape.label,
        shape.points.size()
    ));
  };
  if (shape.type == "polygon") {
    need(0);
    for (const auto& point : shape.points) {
      corners.insert(corners.end(), point.begin(), point.end());
    }
  } else if (shape.type == "rectangle") {
    need(2);
    const auto& [a, b] = std::make_pair(shape.points[0], shape.points[1]);
    corners = {a[0], a[1], b[0], a[1], b[0], b[1], a[0], b[1]};
  } else if (shape.type == "circle") {
    need(2);
    const auto& center = shape.points[0];
    const double radius = std::hypot(
        shape.points[1][0] - center[0], shape.points[1][1] - center[1]
    );
    constexpr int kCorners = 360;
    for (int i = 0; i < kCorners; ++i) {
      const double angle = 2 * CV_PI * i / kCorners;
      corners.push_back(center[0] + radius * std::cos(angle));
      corners.push_back(center[1] + radius * std::sin(angle));
    }
  } else {
    throw DataError(fmt::format(
        "a {} of \"{}\" has no area; known: polygon, rectangle, circle",
        shape.type, shape.label
    ));
  }
  return corners;
}

cv::Mat draw_shapes(const LabelmeFile& file, const Classes& classes) {
  const auto& names = classes.names;
  const auto label_of = [&](const std::string& name) {
    const auto found = std::find(
        names.begin(), names.end(), is_background(name) ? "background" : name
    );
    // A name that --classes leaves out is background.
    return found == names.end()
               ? std::find(names.begin(), names.end(), "background") -
                     names.begin()
               : found - names.begin();
  };
  cv::Mat mask(
      file.size, CV_8UC1,
      cv::Scalar(static_cast<double>(label_of("background")))
  );
  try {
    for (const auto& shape : file.shapes) {
      const auto region =
          coco_region(Json::array({corners_of(shape)}), file.size);
      mask.setTo(static_cast<double>(label_of(shape.label)), region);
    }
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", file.name, error.what()));
  }
  return mask;
}

std::vector<LabelmeFile> read_shapes(const PrepareJob& job) {
  std::vector<LabelmeFile> files;
  for (const auto& source : job.sources) {
    read_files(
        source,
        [](const std::string& name) { return tail_of(name).ending == ".json"; },
        [&](const std::string& name, const std::string& bytes) {
          files.push_back(read_labelme(bytes, name));
        }
    );
  }
  if (!files.empty()) return files;
  throw DataError(fmt::format(
      "{}: the sources do not contain labelme's .json files; name all sources",
      job.sources.front()
  ));
}

}  // namespace

std::string prepare_labelme(const PrepareJob& job) {
  const auto files = read_shapes(job);
  std::set<std::string> names;
  for (const auto& file : files) {
    for (const auto& shape : file.shapes) {
      if (!is_background(shape.label)) names.insert(shape.label);
    }
  }
  const auto classes = choose_classes(
      {names.begin(), names.end()}, job.classes, job.sources.front()
  );
  std::vector<AnnotatedImage> images;
  for (const auto& file : files) {
    // The photo's path is relative to the file's folder.
    const auto folder = file.name.substr(0, file.name.rfind('/') + 1);
    images.push_back(
        {folder + file.photo, file.name, split_of_path(file.name),
         [&] { return draw_shapes(file, classes); }, ""}
    );
  }
  write_annotated(job, images, classes);
  return "pascal_voc";
}

}  // namespace deeplab::data
