// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/app.h"

#include <filesystem>
#include <iomanip>
#include <iostream>
#include <new>

#include <c10/util/Exception.h>
#include <fmt/core.h>

#include "apps/machine/launcher.h"
#include "apps/machine/platform.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab::apps {
namespace {

void print_help(const std::vector<Verb>& verbs) {
  std::cout << "deeplab: semantic segmentation with the DeepLab family\n\n"
               "usage: deeplab VERB [flags]\n\n";
  for (const auto& verb : verbs) {
    std::cout << "  " << std::left << std::setw(10) << verb.name << verb.about
              << '\n';
  }
  std::cout
      << "\ndeeplab VERB --help lists the flags of a verb. deeplab --version prints the\nversions, and the number of threads, BLAS and CUDA that are in use.\n";
}

int dispatch(const Arguments& words, const std::vector<Verb>& verbs) {
  const std::string first = words.empty() ? "help" : words[0];
  if (first == "help" || first == "--help" || first == "-h") {
    print_help(verbs);
    return 0;
  }
  prepare_platform();
  if (first == "--version" || first == "version") {
    std::cout << platform_report();
    return 0;
  }
  for (const auto& verb : verbs) {
    if (first != verb.name) continue;
    if (verb.alone != nullptr) refuse_processes(verb.name, verb.alone);
    return verb.run({words.begin() + 1, words.end()});
  }
  const auto known = names_of(verbs);
  throw ConfigError(fmt::format(
      "\"{}\" is not a verb; known: {}{}", first, list_names(known),
      suggest_name(first, known)
  ));
}

int fail(const std::string& message, int code) {
  std::cerr << "error: " << message << '\n';
  return code;
}

}  // namespace

int run_app(const Arguments& words, const std::vector<Verb>& verbs) {
  try {
    const int code = dispatch(words, verbs);
    std::cout << std::flush;
    return std::cout ? code : fail("cannot write to stdout", 3);
  } catch (const ConfigError& error) {
    return fail(error.what(), 2);
  } catch (const DataError& error) {
    return fail(error.what(), 3);
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(error.what(), 3);
  } catch (const c10::Error& error) {
    return fail(error.what_without_backtrace(), 1);
  } catch (const std::bad_alloc&) {
    return fail("out of memory", 1);
  } catch (const std::exception& error) {
    return fail(error.what(), 1);
  }
}

}  // namespace deeplab::apps
