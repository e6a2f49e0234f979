// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "apps/cli/app.h"
#include "apps/cli/verbs.h"

namespace {

using namespace deeplab::apps;

constexpr std::array kVerbs{
    Verb{"train", "train a network on a data set", train},
    Verb{"evaluate", "score a network on a data set", evaluate},
    Verb{"predict", "segment photos into masks, overlays or scores", predict},
    Verb{"ablate", "train and score a grid of configs, write a report", ablate},
    Verb{"compare", "compare two networks on one data set", compare},
    Verb{"plot", "draw the curves of trainings as an HTML page", plot},
    Verb{"export", "write a network as TorchScript", export_network},
    Verb{
        "convert", "write weights as safetensors, optionally renamed", convert},
    Verb{
        "crf", "refine the scores of any network with a dense CRF",
        crf_post_process},
    Verb{
        "describe", "list presets, config keys, and a network's layers",
        describe},
    Verb{"data", "check, prepare, pack or synthesize a data set", data},
};

}  // namespace

int main(int argc, char** argv) {
  return run_app({argv + 1, argv + argc}, {kVerbs.begin(), kVerbs.end()});
}
