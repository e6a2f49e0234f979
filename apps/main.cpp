// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <csignal>

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "apps/cli/app.h"
#include "apps/cli/verbs.h"

namespace {

using namespace deeplab::apps;

constexpr std::array kVerbs{
    Verb{"train", "train a network on a data set", train, nullptr},
    Verb{"evaluate", "score a network on a data set", evaluate, nullptr},
    Verb{
        "predict", "segment photos into masks, overlays or scores", predict,
        nullptr},
    Verb{
        "ablate", "train and score a grid of configs, write a report", ablate,
        "start it once, with --jobs"},
    Verb{"compare", "compare two networks on one data set", compare},
    Verb{"plot", "draw the curves of trainings as an HTML page", plot},
    Verb{"export", "write a network as TorchScript", export_network},
    Verb{
        "convert", "write weights as safetensors, optionally renamed", convert},
    Verb{
        "crf", "refine the scores of any network with a dense CRF",
        crf_post_process, nullptr},
    Verb{
        "describe", "list presets, config keys, and a network's layers",
        describe},
    Verb{"data", "check, prepare, pack or synthesize a data set", data},
};

}  // namespace

int main(int argc, char** argv) {
  // A file that is opened later must not take the place of a closed stdin,
  // stdout or stderr, and get what is printed.
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
  }
  // A write beyond a limit on the size of files (ulimit -f) fails, instead of
  // killing the program.
  std::signal(SIGXFSZ, SIG_IGN);
  // A child process was started as /proc/self/exe, and would be named "exe".
  ::prctl(PR_SET_NAME, "deeplab");
  return run_app({argv + 1, argv + argc}, {kVerbs.begin(), kVerbs.end()});
}
