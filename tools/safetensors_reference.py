#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fills torchvision's deeplabv3_resnet50 from a safetensors file and runs it.

    safetensors_reference.py FILE IMAGE.bin HEIGHTxWIDTH LOGITS.bin

Image and logits are plain float32 files. The safetensors file is parsed here by
the format's definition (https://github.com/huggingface/safetensors#format).
"""
import json
import sys

import numpy
import torch
import torchvision

TYPES = {"F32": numpy.float32, "I64": numpy.int64}


def read(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data[begin:end], TYPES[entry["dtype"]])
        tensors[name] = torch.tensor(values).reshape(entry["shape"])
    return tensors


def main():
    weights, image, size, logits = sys.argv[1:]
    height, width = (int(side) for side in size.split("x"))
    network = torchvision.models.segmentation.deeplabv3_resnet50(
        weights=None, weights_backbone=None, num_classes=21, aux_loss=True)
    network.load_state_dict(read(weights), strict=True)
    network.eval()
    images = torch.from_numpy(numpy.fromfile(image, numpy.float32))
    with torch.no_grad():
        result = network(images.view(1, 3, height, width))["out"]
    result.numpy().tofile(logits)


if __name__ == "__main__":
    main()
