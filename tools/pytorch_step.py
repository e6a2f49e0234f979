#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Times a training step in PyTorch, with random weights and data.

mobilenet_v2: DeepLabV3+ with the network and optimizer of
apps/configs/camvid_reference.json: separable ASPP 6/12/18 and decoder, output
stride 16, 11 classes, batch 8, crop 240. resnet50: torchvision's
deeplabv3_resnet50 with its auxiliary head (weight 0.5), output stride 8, 21
classes, batch 2, crop 257. Prints one JSON line: CPU seconds and wall seconds
per iteration (user + system time of the whole process over the timed
iterations).
"""
import argparse
import json
import resource
import time

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import mobilenet_v2
from torchvision.models.segmentation import deeplabv3_resnet50


def conv_bn_relu(inputs, outputs, kernel, dilation=1):
    padding = dilation * (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation,
                  bias=False),
        nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def separable(inputs, outputs, dilation=1):
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=dilation, dilation=dilation,
                  groups=inputs, bias=False),
        nn.BatchNorm2d(inputs), nn.ReLU(inplace=True),
        *conv_bn_relu(inputs, outputs, 1))


class Aspp(nn.Module):
    def __init__(self, inputs, rates):
        super().__init__()
        self.branches = nn.ModuleList(
            [conv_bn_relu(inputs, 256, 1)] +
            [separable(inputs, 256, rate) for rate in rates])
        self.image = conv_bn_relu(inputs, 256, 1)
        self.project = nn.Sequential(*conv_bn_relu(256 * 5, 256, 1),
                                     nn.Dropout(0.1))

    def forward(self, features):
        context = self.image(features.mean((2, 3), keepdim=True))
        context = context.expand(-1, -1, *features.shape[2:])
        return self.project(torch.cat(
            [branch(features) for branch in self.branches] + [context], 1))


class Network(nn.Module):
    def __init__(self, classes):
        super().__init__()
        layers = mobilenet_v2().features[:18]
        for layer in layers[14:]:
            for module in layer.modules():
                if isinstance(module, nn.Conv2d) and module.groups > 1:
                    if module.stride == (2, 2):
                        module.stride = (1, 1)
                    else:
                        module.dilation = module.padding = (2, 2)
        self.low, self.high = layers[:4], layers[4:]
        self.aspp = Aspp(320, (6, 12, 18))
        self.reduce = conv_bn_relu(24, 48, 1)
        self.decoder = nn.Sequential(separable(304, 256), separable(256, 256))
        self.classifier = nn.Conv2d(256, classes, 1)

    def forward(self, images):
        low = self.low(images)
        context = F.interpolate(self.aspp(self.high(low)), low.shape[2:],
                                mode="bilinear", align_corners=False)
        features = self.decoder(torch.cat([context, self.reduce(low)], 1))
        return F.interpolate(self.classifier(features), images.shape[2:],
                             mode="bilinear", align_corners=False)


def cross_entropy(scores, labels):
    return F.cross_entropy(scores, labels, ignore_index=255)


def mobilenet_v2_loss(network, images, labels):
    return cross_entropy(network(images), labels)


def resnet50_loss(network, images, labels):
    scores = network(images)
    return (cross_entropy(scores["out"], labels) +
            0.5 * cross_entropy(scores["aux"], labels))


def make(name):
    """The network, its loss, and its numbers of classes, batch and crop."""
    if name == "mobilenet_v2":
        return Network(11), mobilenet_v2_loss, 11, 8, 240
    network = deeplabv3_resnet50(weights=None, weights_backbone=None,
                                 num_classes=21, aux_loss=True)
    return network, resnet50_loss, 21, 2, 257


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("network", choices=["mobilenet_v2", "resnet50"])
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--bfloat16", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    network, loss_of, classes, batch, crop = make(arguments.network)
    network.train()
    images = torch.randn(batch, 3, crop, crop)
    if arguments.channels_last:
        network = network.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, classes, (batch, crop, crop))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9,
                                weight_decay=1e-4)

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, arguments.bfloat16):
            loss = loss_of(network, images, labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    for _ in range(2):
        step()
    cpu, wall = cpu_seconds(), time.monotonic()
    for _ in range(arguments.iterations):
        step()
    print(json.dumps({
        "program": "PyTorch " + torch.__version__,
        "network": arguments.network, "batch": batch, "crop": crop,
        "channels_last": arguments.channels_last,
        "bfloat16": arguments.bfloat16,
        "parameters": sum(p.numel() for p in network.parameters()),
        "cpu_seconds_per_iteration":
            (cpu_seconds() - cpu) / arguments.iterations,
        "wall_seconds_per_iteration":
            (time.monotonic() - wall) / arguments.iterations,
    }))


if __name__ == "__main__":
    main()
