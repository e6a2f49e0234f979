// SPDX-License-Identifier: Apache-2.0
#include "apps/report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iomanip>
#include <map>
#include <numeric>
#include <sstream>

#include "apps/overlay.h"
#include "data/image_file.h"
#include "deeplab/core/version.h"

namespace deeplab::apps {
namespace {

constexpr const char* kSeed = "train.seed";

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) /
         static_cast<double>(std::max<size_t>(1, values.size()));
}

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string score_text(const ReportRow& row) {
  const auto mean = fixed(100 * row.mean(), 2);
  if (row.mean_ious.size() < 2) return mean;
  return mean + " ± " + fixed(100 * row.deviation(), 2);
}

std::string value_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string label_of(const ReportRow& row) {
  std::string label;
  for (const auto& value : row.values) {
    label += (label.empty() ? "" : " / ") + value;
  }
  return label;
}

std::string escape(const std::string& text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '&':
        safe += "&amp;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += letter;
    }
  }
  return safe;
}

std::string base64(const std::string& bytes) {
  constexpr const char* kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) {
      const auto byte = k < count ? static_cast<unsigned char>(bytes[i + k])
                                  : static_cast<unsigned char>(0);
      bits = (bits << 8U) | byte;
    }
    for (size_t k = 0; k < 4; ++k) {
      text += k <= count ? kLetters[(bits >> (18U - 6U * k)) & 63U] : '=';
    }
  }
  return text;
}

std::string picture(const cv::Mat& image, const std::string& caption) {
  return "<figure><img alt=\"" + escape(caption) +
         "\" src=\"data:image/png;base64," +
         base64(data::encode_image(image, ".png")) + "\"><figcaption>" +
         escape(caption) + "</figcaption></figure>\n";
}

/// Bars from a round number below the lowest score, with the seeds' spread.
std::string chart(const Report& report) {
  constexpr int kLabel = 190;
  constexpr int kWidth = 440;
  constexpr int kRow = 30;
  double low = 1;
  double high = 0;
  for (const auto& row : report.rows) {
    low = std::min(low, row.mean() - row.deviation());
    high = std::max(high, row.mean() + row.deviation());
  }
  constexpr double kStep = 0.05;
  low = std::max(0.0, std::floor(low / kStep - 1e-9) * kStep - kStep);
  high = std::min(1.0, std::ceil(high / kStep + 1e-9) * kStep);
  const auto x = [&](double score) {
    return kLabel + kWidth * (score - low) / std::max(high - low, kStep);
  };
  const int height = kRow * static_cast<int>(report.rows.size()) + 28;
  std::ostringstream svg;
  svg << "<svg viewBox=\"0 0 720 " << height << "\" role=\"img\" "
      << "aria-label=\"mean IoU of each row\">\n"
      << std::fixed << std::setprecision(1);
  for (double tick = low; tick <= high + 1e-9; tick += kStep) {
    svg << "<line class=\"grid\" x1=\"" << x(tick) << "\" x2=\"" << x(tick)
        << "\" y1=\"0\" y2=\"" << height - 22 << "\"/><text class=\"tick\" x=\""
        << x(tick) << "\" y=\"" << height - 6 << "\">" << fixed(100 * tick, 0)
        << "</text>\n";
  }
  for (size_t i = 0; i < report.rows.size(); ++i) {
    const auto& row = report.rows[i];
    const double top = 4 + kRow * static_cast<double>(i);
    const double middle = top + 11;
    const double from = x(row.mean() - row.deviation());
    const double to = x(row.mean() + row.deviation());
    svg << "<text class=\"label\" x=\"" << kLabel - 8 << "\" y=\"" << middle + 4
        << "\">" << escape(label_of(row)) << "</text><rect x=\"" << kLabel
        << "\" y=\"" << top << "\" width=\"" << x(row.mean()) - kLabel
        << "\" height=\"22\"/><line class=\"spread\" x1=\"" << from
        << "\" x2=\"" << to << "\" y1=\"" << middle << "\" y2=\"" << middle
        << "\"/><text class=\"value\" x=\"" << to + 6 << "\" y=\"" << middle + 4
        << "\">" << score_text(row) << "</text>\n";
  }
  svg << "</svg>\n";
  return svg.str();
}

std::string html_table(const Report& report) {
  std::ostringstream html;
  html << "<table><thead><tr>";
  for (const auto& axis : report.axes) {
    html << "<th>" << escape(axis) << "</th>";
  }
  html << "<th>mIoU, %</th><th>pixel accuracy, %</th><th>seeds</th></tr>"
          "</thead><tbody>\n";
  for (const auto& row : report.rows) {
    html << "<tr>";
    for (const auto& value : row.values) {
      html << "<td>" << escape(value) << "</td>";
    }
    html << "<td>" << score_text(row) << "</td><td>"
         << fixed(100 * mean_of(row.pixel_accuracies), 2) << "</td><td>"
         << row.mean_ious.size() << "</td></tr>\n";
  }
  html << "</tbody></table>\n";
  return html.str();
}

std::string legend(const data::Classes& classes) {
  std::ostringstream html;
  html << "<p class=\"legend\">";
  for (size_t k = 0; k < classes.names.size(); ++k) {
    const auto& color = classes.colors[k];
    html << "<span><i style=\"background:rgb(" << int{color[0]} << ','
         << int{color[1]} << ',' << int{color[2]} << ")\"></i>"
         << escape(classes.names[k]) << "</span> ";
  }
  html << "</p>\n";
  return html.str();
}

std::string gallery(const Report& report) {
  std::string html;
  for (const auto& id : report.ids) {
    // Cells that were scored before may have pictured fewer.
    const auto truth = report.pictures + "/" + id + ".png";
    if (!std::filesystem::exists(truth)) continue;
    html += "<div class=\"gallery\">\n";
    html += picture(data::read_image(report.pictures + "/" + id + ".jpg"), id);
    html += picture(colorize(data::read_mask(truth), report.classes), "truth");
    for (const auto& row : report.rows) {
      const auto mask = row.masks + "/" + id + ".png";
      if (row.masks.empty() || !std::filesystem::exists(mask)) continue;
      html += picture(
          colorize(data::read_mask(mask), report.classes), label_of(row)
      );
    }
    html += "</div>\n";
  }
  return html;
}

constexpr const char* kStyle = R"(
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1240px;
  padding:0 1rem;color:#222}
table{border-collapse:collapse}
th,td{padding:.3rem .9rem;text-align:left;border-bottom:1px solid #ddd}
svg{max-width:760px;width:100%;font-size:12px}
svg rect{fill:#4878a8} .grid{stroke:#ddd} .spread{stroke:#222;stroke-width:2}
.tick{text-anchor:middle;fill:#666} .label{text-anchor:end}
.gallery{display:flex;flex-wrap:wrap;gap:.5rem;margin:0 0 1.2rem}
figure{margin:0} figcaption{font-size:12px;color:#555}
img{display:block;width:192px;image-rendering:pixelated}
.legend span{margin-right:.9rem;white-space:nowrap}
.legend i{display:inline-block;width:.9em;height:.9em;margin-right:.3em;
  border:1px solid #888;vertical-align:-.1em}
)";

}  // namespace

double ReportRow::mean() const { return mean_of(mean_ious); }

double ReportRow::deviation() const {
  if (mean_ious.size() < 2) return 0;
  double sum = 0;
  for (const double score : mean_ious) {
    sum += (score - mean()) * (score - mean());
  }
  return std::sqrt(sum / static_cast<double>(mean_ious.size() - 1));
}

std::vector<ReportRow> group_rows(
    const std::vector<Json>& results, std::vector<std::string>& axes
) {
  std::vector<ReportRow> rows;
  std::map<std::vector<std::string>, size_t> row_of;
  for (const auto& result : results) {
    std::vector<std::string> values;
    axes.clear();
    for (const auto& axis : result.at("axes").items()) {
      if (axis.key() == kSeed) continue;
      axes.push_back(axis.key());
      values.push_back(value_text(axis.value()));
    }
    const auto [found, fresh] = row_of.emplace(values, rows.size());
    if (fresh) {
      rows.push_back({values, {}, {}, result.at("masks").get<std::string>()});
    }
    auto& row = rows[found->second];
    const auto& scores = result.at("scores");
    row.mean_ious.push_back(scores.at("mean_iou").get<double>());
    row.pixel_accuracies.push_back(scores.at("pixel_accuracy").get<double>());
  }
  return rows;
}

std::string markdown_table(const Report& report) {
  std::ostringstream text;
  text << '|';
  for (const auto& axis : report.axes) text << ' ' << axis << " |";
  text << " mIoU, % | pixel accuracy, % | seeds |\n|";
  for (size_t i = 0; i < report.axes.size(); ++i) text << " --- |";
  text << " ---: | ---: | ---: |\n";
  for (const auto& row : report.rows) {
    text << '|';
    for (const auto& value : row.values) text << ' ' << value << " |";
    text << ' ' << score_text(row) << " | "
         << fixed(100 * mean_of(row.pixel_accuracies), 2) << " | "
         << row.mean_ious.size() << " |\n";
  }
  return text.str();
}

std::string html_page(const Report& report) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width\"><title>" +
         escape(report.title) + "</title><style>" + kStyle +
         "</style></head><body>\n<h1>" + escape(report.title) + "</h1>\n" +
         html_table(report) + "<h2>Mean IoU, %</h2>\n" + chart(report) +
         "<h2>Predictions</h2>\n" + legend(report.classes) + gallery(report) +
         "<p>deeplab " + kVersion + "</p>\n</body></html>\n";
}

}  // namespace deeplab::apps
