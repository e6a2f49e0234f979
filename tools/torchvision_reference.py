#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes weights, inputs, outputs and gradients of a torchvision network.

    torchvision_reference.py NETWORK OUTPUT_STRIDE FOLDER HEIGHTxWIDTH...

FOLDER receives weights.pth (an ordinary state_dict) and, for each size I, the
plain float32 files image_I.bin, logits_I.bin (the backbone's last feature map
for a classification network) and aux_I.bin (if there is an auxiliary head).
For the last size, it also receives probe.bin, and image_gradient.bin and
gradients.pth (by parameter name) with the gradients of sum(logits * probe).
Gradients are computed in float64: in float32, a value that is rounded to the
other side of a ReLU's 0 changes them by more than the test's tolerance.
Weights, images and the probe are random, from a fixed seed; norms are in
evaluation mode.
"""
import os
import sys

import numpy
import torch
import torchvision

SEGMENTATION = torchvision.models.segmentation.__dict__


def build(name, stride):
    if name in SEGMENTATION:
        return SEGMENTATION[name](weights=None, weights_backbone=None,
                                  num_classes=21, aux_loss=True)
    options = {}
    if stride != 32:
        options["replace_stride_with_dilation"] = [False, stride < 16, True]
    return torchvision.models.__dict__[name](weights=None, **options)


def randomize(network):
    """Gives batch norms statistics other than 0 and 1, so that they matter."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
            module.weight.data.uniform_(0.8, 1.2)
            module.bias.data.normal_(0, 0.1)


def run(name, network, images):
    if name in SEGMENTATION:
        return network(images)
    if name.startswith("mobilenet"):
        return {"out": network.features[:18](images)}
    for child in list(network.children())[:-2]:
        images = child(images)
    return {"out": images}


def write(folder, name, values):
    values = values.detach().numpy().astype(numpy.float32)
    values.tofile(os.path.join(folder, name + ".bin"))


def main():
    name, stride, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    torch.manual_seed(0)
    os.makedirs(folder, exist_ok=True)
    network = build(name, stride)
    randomize(network)
    network.eval()
    torch.save(network.state_dict(), os.path.join(folder, "weights.pth"))
    for index, size in enumerate(sys.argv[4:]):
        height, width = (int(side) for side in size.split("x"))
        images = torch.randn(1, 3, height, width)
        write(folder, f"image_{index}", images)
        with torch.no_grad():
            result = run(name, network, images)
        write(folder, f"logits_{index}", result["out"])
        if "aux" in result:
            write(folder, f"aux_{index}", result["aux"])
    images = images.double().requires_grad_()
    logits = run(name, network.double(), images)["out"]
    probe = torch.randn_like(logits).float()
    (logits * probe.double()).sum().backward()
    write(folder, "probe", probe)
    write(folder, "image_gradient", images.grad)
    torch.save({key: value.grad.float()
                for key, value in network.named_parameters()
                if value.grad is not None},
               os.path.join(folder, "gradients.pth"))


if __name__ == "__main__":
    main()
