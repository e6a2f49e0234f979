#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a TorchScript file on a plain float32 image, as any Python program can.

    torchscript_reference.py FILE.pt IMAGE.bin HEIGHTxWIDTH LOGITS.bin
"""
import sys

import numpy
import torch


def main():
    script, image, size, logits = sys.argv[1:]
    height, width = (int(side) for side in size.split("x"))
    images = torch.from_numpy(numpy.fromfile(image, numpy.float32))
    with torch.no_grad():
        result = torch.jit.load(script)(images.view(1, 3, height, width))
    result.numpy().tofile(logits)


if __name__ == "__main__":
    main()
