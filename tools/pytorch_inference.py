#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the median seconds in which PyTorch segments an image of 513x513 with
torchvision's deeplabv3_resnet101 and random weights.

    tools/pytorch_inference.py [--channels-last] [--bfloat16] [--freeze]
"""
import argparse
import statistics
import time

import torch
from torchvision.models.segmentation import deeplabv3_resnet101

parser = argparse.ArgumentParser()
parser.add_argument("--channels-last", action="store_true")
parser.add_argument("--bfloat16", action="store_true")
parser.add_argument("--freeze", action="store_true")
parser.add_argument("--threads", type=int, default=2)
options = parser.parse_args()

torch.set_num_threads(options.threads)
network = deeplabv3_resnet101(weights=None, weights_backbone=None,
                              num_classes=21).eval()
image = torch.randn(1, 3, 513, 513)
if options.channels_last:
    network = network.to(memory_format=torch.channels_last)
    image = image.to(memory_format=torch.channels_last)
with torch.no_grad():
    if options.freeze:
        network = torch.jit.freeze(torch.jit.trace(network, image,
                                                   strict=False))
    seconds = []
    for call in range(11):
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            network(image)
        # The first calls allocate what later ones use again.
        if call > 2:
            seconds.append(time.perf_counter() - start)
print(statistics.median(seconds))
