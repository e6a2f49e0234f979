// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/cli/arguments.h"

namespace deeplab::apps {

/// The verbs of the program. Each parses its words, does its work, and returns
/// the exit code. Errors are thrown (see run_app()).
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
