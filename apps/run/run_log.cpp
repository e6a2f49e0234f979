// SPDX-License-Identifier: Apache-2.0
#include "apps/run/run_log.h"

#include <filesystem>
#include <iomanip>
#include <sstream>

#include <fmt/core.h>
#include <opencv2/core.hpp>
#include <torch/utils.h>
#include <torch/version.h>

#include "apps/machine/platform.h"
#include "apps/pictures/overlay.h"
#include "apps/report/evaluation_text.h"
#include "data/files/image_file.h"
#include "data/tensors.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/version.h"

namespace deeplab::apps {
namespace {

std::string percent(double share) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << 100 * share << " %";
  return text.str();
}

/// Appends an item to the list in run.json.
void record_start(const std::string& path, const Json& start_record) {
  Json starts = Json::array();
  if (std::filesystem::exists(path)) {
    const auto before = Json::parse(read_file(path), nullptr, false);
    if (before.is_array()) starts = before;
  }
  starts.push_back(start_record);
  write_file(path, starts.dump(2) + "\n");
}

PngImage to_png(const cv::Mat& picture) {
  return {data::encode_image(picture, ".png"), picture.cols, picture.rows};
}

}  // namespace

MetricsLog::MetricsLog(const std::string& path, const LogStart& start)
    : path_(path) {
  const auto is_later = [&](const Json& line) {
    const auto iteration = line.value("iteration", int64_t{0});
    return iteration > start.iteration ||
           (iteration == start.iteration && start.awaits_validation &&
            line.contains("validation"));
  };
  std::string kept;
  if (std::filesystem::exists(path)) {
    std::istringstream lines(read_file(path));
    for (std::string line; std::getline(lines, line);) {
      const auto json = Json::parse(line, nullptr, false);
      if (json.is_discarded() || is_later(json)) break;
      kept += line + "\n";
    }
  }
  write_file(path, kept);
  stream_.open(path, std::ios::app);
}

void MetricsLog::write(const Json& line) {
  stream_ << line.dump() << '\n' << std::flush;
  if (!stream_)
    throw DataError(fmt::format("{}: cannot write (disk full?)", path_));
}

RunLog::RunLog(
    const RunFiles& files,
    const RunConfig& config,
    const LogStart& start,
    const Json& start_record
)
    : config_(config.log),
      metrics_(files.metrics, start),
      progress_("train", config.train.iterations, start.iteration) {
  record_start(files.run, start_record);
  if (config_.tensorboard) {
    events_ = std::make_unique<EventFile>(
        files.tensorboard, start.iteration == 0 ? 0 : start.iteration + 1
    );
  }
}

void RunLog::step(const engine::StepReport& report) {
  seconds_ += report.seconds;
  waited_ += report.data_seconds;
  Json line{
      {"iteration", report.iteration},
      {"loss", report.loss},
      {"learning_rate", report.learning_rate},
      {"seconds", report.seconds},
      {"data_seconds", report.data_seconds}};
  if (report.gradient_norm) line["gradient_norm"] = *report.gradient_norm;
  if (report.skipped) line["skipped"] = true;
  metrics_.write(line);
  if (events_) {
    for (const auto& item : line.items()) {
      if (item.key() == "iteration" || !item.value().is_number()) continue;
      events_->scalar(
          "train/" + item.key(), report.iteration, item.value().get<double>()
      );
    }
  }
  std::ostringstream detail;
  detail << std::setprecision(4) << "loss " << report.loss << "  lr "
         << report.learning_rate << "  data wait "
         << percent(waited_ / seconds_);
  progress_.update(report.iteration, detail.str());
}

void RunLog::flush() {
  if (events_) events_->flush();
}

void RunLog::validation(
    int64_t iteration, const metrics::Scores& scores, const Classes& classes
) {
  metrics_.write(
      {{"iteration", iteration},
       {"validation", scores_json(scores, classes.names)}}
  );
  if (events_) {
    events_->scalar("validation/mean_iou", iteration, scores.mean_iou);
    events_->scalar(
        "validation/pixel_accuracy", iteration, scores.pixel_accuracy
    );
    for (size_t k = 0; k < classes.names.size(); ++k) {
      if (!scores.class_iou[k]) continue;
      events_->scalar(
          "iou/" + classes.names[k], iteration, *scores.class_iou[k]
      );
    }
  }
  progress_.say(fmt::format(
      "iteration {}: validation mIoU {}, pixel accuracy {}", iteration,
      percent(scores.mean_iou), percent(scores.pixel_accuracy)
  ));
}

void RunLog::picture(
    int64_t iteration,
    const std::string& name,
    const data::RawSample& sample,
    const torch::Tensor& prediction,
    const Classes& classes
) {
  if (!events_) return;
  cv::Mat picture;
  cv::hconcat(
      std::vector<cv::Mat>{
          sample.image, colorize(sample.labels, classes),
          colorize(data::to_mask(prediction), classes)},
      picture
  );
  events_->image("validation/" + name, iteration, to_png(picture));
}

void RunLog::histograms(int64_t iteration, const torch::nn::Module& network) {
  if (!events_ || !config_.histograms) return;
  for (const auto& item : network.named_parameters()) {
    const auto values =
        item.value().detach().cpu().to(torch::kFloat64).contiguous();
    const auto* first = values.data_ptr<double>();
    events_->histogram(
        "weights/" + item.key(), iteration, {first, first + values.numel()}
    );
  }
}

Json start_record(int64_t iteration, int64_t processes, torch::Device device) {
  return {{"from_iteration", iteration}, {"time", now_text()},
          {"host", host_name()},         {"version", kVersion},
          {"libtorch", TORCH_VERSION},   {"device", device.str()},
          {"processes", processes},      {"threads", torch::get_num_threads()}};
}

}  // namespace deeplab::apps
