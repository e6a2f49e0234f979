// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/arguments.h"

namespace deeplab::apps {

/// Exit code of work that was stopped by a signal, as shells report SIGINT.
constexpr int kInterrupted = 130;

/// Each verb of the program: parses its words, does its work, returns the exit
/// code; what goes wrong it throws (see run_app()).
int train(const Arguments& arguments);
int evaluate(const Arguments& arguments);
int predict(const Arguments& arguments);
int ablate(const Arguments& arguments);
int compare(const Arguments& arguments);
int plot(const Arguments& arguments);
int export_network(const Arguments& arguments);
int convert(const Arguments& arguments);
int crf_post_process(const Arguments& arguments);
int crf_tune(const Arguments& arguments);
int describe(const Arguments& arguments);
int data(const Arguments& arguments);

}  // namespace deeplab::apps
