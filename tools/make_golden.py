#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the weight files in tests/golden: python3 tools/make_golden.py DIR

Made with torch 1.13.0 (Debian 12). state_dict.pth is an ordinary
torch.save(state_dict()) in zip form; wrapped.pth wraps one as training
scripts do, together with objects of classes that only they define; evil.pth
would run a command if it were unpickled by Python; legacy.pth is state_dict.pth
in the form before PyTorch 1.6; module.pth is a whole module; ema.pth has two
dicts; shared.pth has 2000 names for one storage.
"""
import argparse
import collections
import os
import sys

import torch


class Evil:
    def __reduce__(self):
        return os.system, ("touch EVIL",)


def module():
    inner = torch.nn.Sequential(
        collections.OrderedDict(norm=torch.nn.BatchNorm2d(2)))
    whole = torch.nn.Sequential(torch.nn.Linear(3, 2, bias=False), inner)
    with torch.no_grad():
        whole[0].weight.copy_(torch.arange(6.0).reshape(2, 3))
        inner.norm.running_var.copy_(torch.tensor([4.0, 9.0]))
    inner.register_buffer("shift", torch.ones(1))
    return whole


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    weights = collections.OrderedDict()
    weights["conv.weight"] = torch.arange(24.0).reshape(2, 3, 4)
    weights["conv.bias"] = torch.tensor([0.5, -2.0])
    weights["transposed"] = torch.arange(6.0).reshape(2, 3).t()
    weights["half"] = torch.tensor([1.5, -0.25]).half()
    weights["steps"] = torch.tensor(7)
    weights["empty"] = torch.empty(0, 4)
    torch.save(weights, os.path.join(folder, "state_dict.pth"))
    parallel = {"module." + name: value for name, value in weights.items()}
    torch.save({"epoch": 3, "best": 0.5, "args": argparse.Namespace(lr=0.1),
                "state_dict": parallel}, os.path.join(folder, "wrapped.pth"))
    torch.save({"conv.bias": weights["conv.bias"], "evil": Evil()},
               os.path.join(folder, "evil.pth"))
    torch.save(weights, os.path.join(folder, "legacy.pth"),
               _use_new_zipfile_serialization=False)
    torch.save(module(), os.path.join(folder, "module.pth"))
    torch.save({"model": {"w": torch.ones(1)},
                "model_ema": {"n_averaged": torch.tensor(3),
                              "module.w": torch.full((1,), 2.0).bfloat16()}},
               os.path.join(folder, "ema.pth"))
    shared = torch.zeros(1024)
    torch.save({f"t{i}": shared for i in range(2000)},
               os.path.join(folder, "shared.pth"),
               _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
