#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Times an input pipeline of torchvision's transforms on PIL images.

The steps are those of torchvision's reference for segmentation: decode, scale
by 0.5 to 2 (bilinear, nearest for masks), flip, pad and crop to 513x513, convert
to a tensor, normalise. Prints one JSON line: samples per second in one thread.

    pytorch_input.py DIR [SECONDS]    a folder in Pascal VOC layout
"""
import json
import pathlib
import random
import sys
import time

import numpy
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional as F

CROP = 513
VOID = 255
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def load(root, name):
    photo = Image.open(root / "JPEGImages" / f"{name}.jpg").convert("RGB")
    return photo, Image.open(root / "SegmentationClass" / f"{name}.png")


def augment(photo, mask):
    scale = random.uniform(0.5, 2)
    size = [round(photo.height * scale), round(photo.width * scale)]
    photo = F.resize(photo, size, transforms.InterpolationMode.BILINEAR)
    mask = F.resize(mask, size, transforms.InterpolationMode.NEAREST)
    if random.random() < 0.5:
        photo, mask = F.hflip(photo), F.hflip(mask)
    right, below = max(0, CROP - size[1]), max(0, CROP - size[0])
    if right or below:
        photo = F.pad(photo, [0, 0, right, below],
                      fill=tuple(round(255 * m) for m in MEAN))
        mask = F.pad(mask, [0, 0, right, below], fill=VOID)
    window = transforms.RandomCrop.get_params(photo, (CROP, CROP))
    photo, mask = F.crop(photo, *window), F.crop(mask, *window)
    image = F.normalize(F.to_tensor(photo), MEAN, STD)
    return image, torch.as_tensor(numpy.array(mask), dtype=torch.int64)


def main():
    torch.set_num_threads(1)
    random.seed(0)
    root = pathlib.Path(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5
    names = (root / "ImageSets/Segmentation/train.txt").read_text().split()
    for name in names[:4]:
        augment(*load(root, name))
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        augment(*load(root, names[done % len(names)]))
        done += 1
    rate = done / (time.perf_counter() - start)
    print(json.dumps({"samples_per_second": rate}))


if __name__ == "__main__":
    main()
