#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a TorchScript file on plain float32 images, using only PyTorch.

    torchscript_reference.py FILE.pt IMAGES.bin LOGITS.bin NxHEIGHTxWIDTH...

Both .bin files contain the batches of these sizes, one after the other.
"""
import sys

import numpy
import torch


def main():
    script, images, logits = sys.argv[1:4]
    # With this fuser, LibTorch 2.6 compiles a large network for minutes at its
    # second call, and again for each new size.
    torch._C._jit_set_texpr_fuser_enabled(False)
    network = torch.jit.load(script)
    values = torch.from_numpy(numpy.fromfile(images, numpy.float32))
    with open(logits, "wb") as file, torch.no_grad():
        for size in sys.argv[4:]:
            count, height, width = (int(side) for side in size.split("x"))
            batch = values[:count * 3 * height * width]
            values = values[batch.numel():]
            network(batch.view(count, 3, height, width)).numpy().tofile(file)


if __name__ == "__main__":
    main()
