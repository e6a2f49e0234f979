// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <iomanip>
#include <sstream>

#include <fmt/core.h>

#include "apps/report/results.h"

namespace deeplab::apps {
namespace {

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

/// Formats a score in percent, with the standard deviation over the seeds.
std::string percent(const Spread& spread, size_t seeds, const char* between) {
  auto mean = fixed(100 * spread.mean, 2);
  if (seeds < 2) return mean;
  return mean + between + fixed(100 * spread.deviation, 2);
}

std::string paper_value(const ResultRow& row, const char* key) {
  const bool known = row.paper.is_object() && row.paper.contains(key);
  return known ? fixed(row.paper[key].get<double>(), 2) : "";
}

/// One column of the Markdown and LaTeX tables.
struct Column {
  std::string title;
  bool is_number;
  std::function<std::string(const ResultRow&)> text;
};

Column score_column(const ShownScore& score, const char* between) {
  const std::string pointer = score.pointer;
  const bool marks = pointer == kShownScores[0].pointer;
  return {
      std::string(score.title) + ", %", true,
      [pointer, between, marks](const ResultRow& row) -> std::string {
        const auto found = row.spread(pointer.c_str());
        if (!found) return row.results.empty() ? "failed" : "";
        const bool unclear = marks && row.against_reference &&
                             !row.against_reference->is_clear();
        return percent(*found, row.results.size(), between) +
               (unclear ? " (=)" : "");
      }};
}

Column cost_column(const ShownCost& cost) {
  return {cost.title, true, [cost](const ResultRow& row) -> std::string {
            const auto found = row.cost(cost);
            return found ? fixed(*found * cost.factor, cost.digits) : "";
          }};
}

std::vector<Column> columns_of(const ResultTable& table, const char* between) {
  std::vector<Column> columns;
  const auto any = [&](const auto& holds) {
    return std::any_of(table.rows.begin(), table.rows.end(), holds);
  };
  if (any([](const ResultRow& row) { return !row.name.empty(); })) {
    columns.push_back({"row", false, [](const ResultRow& row) {
                         return row.name;
                       }});
  }
  for (size_t i = 0; i < table.columns.size(); ++i) {
    columns.push_back({table.columns[i], false, [i](const ResultRow& row) {
                         return row.values[i];
                       }});
  }
  const bool paper =
      any([](const ResultRow& row) { return row.paper.is_object(); });
  const auto add_paper = [&](const std::string& title, const char* key) {
    if (!paper) return;
    columns.push_back({"paper: " + title, true, [key](const ResultRow& row) {
                         return paper_value(row, key);
                       }});
  };
  for (const auto& score : kShownScores) {
    columns.push_back(score_column(score, between));
    if (&score == &kShownScores[0]) add_paper("mIoU, %", "mean_iou");
  }
  for (const auto& cost : kShownCosts) {
    if (cost.tables != ShownCost::Tables::kAll) continue;
    columns.push_back(cost_column(cost));
    add_paper(cost.title, cost.key);
  }
  columns.push_back({"seeds", true, [](const ResultRow& row) {
                       return std::to_string(row.results.size());
                     }});
  return columns;
}

constexpr const char* kEqualNote =
    "(=): the paired bootstrap over images finds no clear difference from the best row (95 % interval).";

bool has_unclear(const ResultTable& table) {
  return std::any_of(
      table.rows.begin(), table.rows.end(),
      [](const ResultRow& row) {
        return row.against_reference && !row.against_reference->is_clear();
      }
  );
}

std::string latex_escape(const std::string& text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '\\':
        safe += "\\textbackslash{}";
        break;
      case '^':
        safe += "\\textasciicircum{}";
        break;
      case '~':
        safe += "\\textasciitilde{}";
        break;
      default:
        if (std::string("&%$#_{}").find(letter) != std::string::npos) {
          safe += '\\';
        }
        safe += letter;
    }
  }
  return safe;
}

std::string markdown_escape(const std::string& text) {
  std::string safe;
  for (const char letter : text) {
    if (letter == '|' || letter == '\\') safe += '\\';
    safe += letter == '\n' ? ' ' : letter;
  }
  return safe;
}

std::string csv_escape(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string safe = "\"";
  for (const char letter : text) {
    if (letter == '"') safe += '"';
    safe += letter;
  }
  return safe + "\"";
}

}  // namespace

std::string markdown_table(const ResultTable& table) {
  const auto columns = columns_of(table, " ± ");
  std::ostringstream text;
  text << '|';
  for (const auto& column : columns) {
    text << ' ' << markdown_escape(column.title) << " |";
  }
  text << "\n|";
  for (const auto& column : columns) {
    text << (column.is_number ? " ---: |" : " --- |");
  }
  text << '\n';
  for (const auto& row : table.rows) {
    text << '|';
    for (const auto& column : columns) {
      text << ' ' << markdown_escape(column.text(row)) << " |";
    }
    text << '\n';
  }
  if (has_unclear(table)) text << '\n' << kEqualNote << '\n';
  if (!table.paper.empty()) {
    text
        << "\nPaper's columns: " << table.paper
        << ". The paper used other data and training, so its values are not directly comparable.\n";
  }
  return text.str();
}

std::string latex_table(const ResultTable& table) {
  const auto columns = columns_of(table, " $\\pm$ ");
  std::ostringstream text;
  text << "% needs \\usepackage{booktabs}\n\\begin{tabular}{";
  for (const auto& column : columns) text << (column.is_number ? 'r' : 'l');
  text << "}\n\\toprule\n";
  const auto line = [&](const std::function<std::string(const Column&)>& cell) {
    for (size_t i = 0; i < columns.size(); ++i) {
      text << (i == 0 ? "" : " & ") << cell(columns[i]);
    }
    text << " \\\\\n";
  };
  line([](const Column& column) { return latex_escape(column.title); });
  text << "\\midrule\n";
  for (const auto& row : table.rows) {
    line([&](const Column& column) {
      const auto cell = column.text(row);
      return column.is_number ? cell : latex_escape(cell);
    });
  }
  text << "\\bottomrule\n\\end{tabular}\n";
  if (has_unclear(table)) text << "% " << kEqualNote << '\n';
  if (!table.paper.empty()) {
    text << "% paper's columns: " << table.paper
         << ", on other data than this table's\n";
  }
  return text.str();
}

std::string csv_table(const ResultTable& table) {
  struct Number {
    const char* title;
    std::string pointer;
  };
  std::vector<Number> numbers{{"seed", "/seed"}};
  for (const auto& score : kShownScores) {
    numbers.push_back({score.title, score.pointer});
  }
  for (const auto& cost : kShownCosts) {
    numbers.push_back({cost.key, fmt::format("/cost/{}", cost.key)});
  }
  std::ostringstream text;
  text << "row";
  for (const auto& column : table.columns) text << ',' << csv_escape(column);
  for (const auto& number : numbers) text << ',' << number.title;
  text << '\n' << std::setprecision(10);
  for (const auto& row : table.rows) {
    for (const auto& result : row.results) {
      text << csv_escape(row.name);
      for (const auto& value : row.values) text << ',' << csv_escape(value);
      for (const auto& number : numbers) {
        const Json::json_pointer where(number.pointer);
        text << ',';
        if (result.contains(where) && result.at(where).is_number()) {
          text << result.at(where).get<double>();
        }
      }
      text << '\n';
    }
  }
  return text.str();
}

}  // namespace deeplab::apps
