// SPDX-License-Identifier: Apache-2.0
#include "apps/report/html.h"

#include <sstream>

#include "apps/report/assets.h"

namespace deeplab::apps {
namespace {

std::string replace_all(
    std::string text, const std::string& from, const std::string& to
) {
  for (size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string escape(const std::string& text) {
  return replace_all(replace_all(text, "&", "&amp;"), "<", "&lt;");
}

}  // namespace

std::string html_document(
    const std::string& title, const Json& data, const char* script
) {
  // "</script>" within a string would end the script element.
  const auto json = replace_all(data.dump(), "</", "<\\/");
  std::ostringstream page;
  page
      << "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\"><title>"
      << escape(title) << "</title><style>" << kPageStyle
      << "</style></head><body>\n<main id=\"report\"><noscript>This report needs JavaScript; all scripts are included in the file.</noscript></main>\n"
         "<script type=\"application/json\" id=\"data\">"
      << json << "</script>\n<script>" << kChartScript << "</script>\n<script>"
      << script << "</script>\n</body></html>\n";
  return page.str();
}

}  // namespace deeplab::apps
