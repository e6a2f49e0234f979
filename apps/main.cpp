// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "apps/app.h"
#include "apps/platform.h"
#include "apps/verbs.h"

namespace {

using namespace deeplab::apps;

constexpr std::array kVerbs{
    Verb{"train", "train a network on a data set", train},
    Verb{"evaluate", "score a checkpoint or a TorchScript file", evaluate},
    Verb{"predict", "segment photos: masks, overlays, scores", predict},
    Verb{"ablate", "train and score a grid of configs; report", ablate},
    Verb{"compare", "tell two runs apart on one data set", compare},
    Verb{"plot", "draw trainings' curves: a page or a picture", plot},
    Verb{"export", "write a network as TorchScript", export_network},
    Verb{"convert", "write weights as safetensors, renamed", convert},
    Verb{"crf", "refine scores of any network by a CRF", crf_post_process},
    Verb{"describe", "list the presets; a network's layers and cost", describe},
    Verb{"data", "check a data set, or write out the synthetic one", data},
};

}  // namespace

int main(int argc, char** argv) {
  limit_spinning(argv);
  return run_app({argv + 1, argv + argc}, {kVerbs.begin(), kVerbs.end()});
}
