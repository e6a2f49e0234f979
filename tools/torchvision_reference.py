#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes weights, inputs and outputs of a torchvision network.

    torchvision_reference.py NETWORK FOLDER HEIGHTxWIDTH...

Into FOLDER go weights.pth (an ordinary state_dict), and for each size I the
plain float32 files image_I.bin and logits_I.bin (the backbone's last feature
map for a classification network). Weights and images are random, from a fixed
seed.
"""
import os
import sys

import numpy
import torch
import torchvision


def build(name):
    if name.startswith("deeplabv3"):
        return torchvision.models.segmentation.__dict__[name](
            weights=None, weights_backbone=None, num_classes=21)
    return torchvision.models.__dict__[name](weights=None)


def randomize(network):
    """Batch norms with statistics other than 0 and 1, so that they matter."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
            module.weight.data.uniform_(0.8, 1.2)
            module.bias.data.normal_(0, 0.1)


def features(name, network, images):
    if name.startswith("deeplabv3"):
        return network(images)["out"]
    if name.startswith("mobilenet"):
        return network.features[:18](images)
    for child in list(network.children())[:-2]:
        images = child(images)
    return images


def main():
    name, folder, sizes = sys.argv[1], sys.argv[2], sys.argv[3:]
    torch.manual_seed(0)
    os.makedirs(folder, exist_ok=True)
    network = build(name)
    randomize(network)
    network.eval()
    torch.save(network.state_dict(), os.path.join(folder, "weights.pth"))
    for index, size in enumerate(sizes):
        height, width = (int(side) for side in size.split("x"))
        images = torch.randn(1, 3, height, width)
        with torch.no_grad():
            result = features(name, network, images)
        for kind, values in (("image", images), ("logits", result)):
            path = os.path.join(folder, f"{kind}_{index}.bin")
            values.numpy().astype(numpy.float32).tofile(path)


if __name__ == "__main__":
    main()
