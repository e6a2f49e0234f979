#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes seeds for the fuzzers: make_fuzz_corpus.py FOLDER

Each reader gets one folder, with small valid files of every form that it reads.
"""
import io
import json
import os
import pickle
import struct
import sys
import zipfile
import zlib

import torch

try:
    from PIL import Image
except ImportError:
    Image = None


def network():
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))


def contents():
    """Returns objects like those that training scripts save."""
    state = network().state_dict()
    types = {str(kind): torch.ones(2, dtype=kind)
             for kind in (torch.float16, torch.bfloat16, torch.float64,
                          torch.int64, torch.uint8, torch.bool)}
    optimizer = torch.optim.SGD(network().parameters(), 0.1, momentum=0.9)
    return {
        "state": state,
        "wrapped": {"epoch": 3, "best": 0.5, "state_dict": state,
                    "optimizer": optimizer.state_dict()},
        "twins": {"model": state, "model_ema": {"module.w": torch.ones(1)}},
        "types": types,
        "views": {"t": torch.ones(2, 3).t(), "empty": torch.empty(0, 4)},
        "module": network(),
    }


def safetensors(tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, value in tensors.items():
        raw = value.contiguous().numpy().tobytes()
        kind = {torch.float32: "F32", torch.int64: "I64"}[value.dtype]
        header[name] = {"dtype": kind, "shape": list(value.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def png(color_type, depth, pixels, extra=b""):
    """Returns a PNG of 2 rows; `pixels` are the bytes of one row."""
    def chunk(name, data):
        return (struct.pack(">I", len(data)) + name + data +
                struct.pack(">I", zlib.crc32(name + data)))
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color_type]
    width = len(pixels) * 8 // (depth * channels)
    header = struct.pack(">IIBBBBB", width, 2, depth, color_type, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra +
            chunk(b"IDAT", zlib.compress((b"\0" + pixels) * 2)) +
            chunk(b"IEND", b""))


def images():
    """Returns small images of every format that is read."""
    palette = b"\0\0\0\x06PLTE\0\0\0\xff\0\0"
    palette += struct.pack(">I", zlib.crc32(palette[4:]))
    found = {"grey": png(0, 8, b"\0\1\2"), "rgb": png(2, 8, b"\0\1\2" * 2),
             "palette": png(3, 1, b"\xa5", palette),
             "grey_alpha": png(4, 8, b"\0\xff" * 2),
             "rgba": png(6, 8, b"\1\2\3\4"), "deep": png(0, 16, b"\1\2\3\4"),
             "bmp": (b"BM" + struct.pack("<IIIIiiHHIIiiII", 62, 0, 54, 40, 2, 1,
                                         1, 24, 0, 8, 0, 0, 0, 0) + b"\1" * 8),
             "pnm": b"P6 2 1 255\n" + b"\1" * 6}
    if Image is not None:
        picture = Image.new("RGB", (9, 7), (200, 30, 90))
        for name, kind, mode in (("jpeg", "JPEG", "RGB"), ("cmyk", "JPEG", "CMYK"),
                                 ("jpeg_grey", "JPEG", "L"),
                                 ("tiff", "TIFF", "RGB"), ("webp", "WEBP", "RGB")):
            stream = io.BytesIO()
            picture.convert(mode).save(stream, kind)
            found[name] = stream.getvalue()
    return found


COCO = {"images": [{"id": 1, "file_name": "a.png", "width": 6, "height": 4},
                   {"id": 2, "file_name": "b.png", "width": 6, "height": 4}],
        "categories": [{"id": 1, "name": "crack", "supercategory": "x"}],
        "annotations": [
            {"image_id": 1, "category_id": 1,
             "segmentation": [[0, 0, 3, 0, 3, 4]]},
            {"image_id": 2, "category_id": 1,
             "segmentation": {"size": [4, 6], "counts": [3, 21]}},
            {"image_id": 2, "category_id": 1,
             "segmentation": {"size": [4, 6], "counts": "3E"}}]}
LABELME = {"imagePath": "a.png", "imageWidth": 6, "imageHeight": 4, "shapes": [
    {"label": "x", "shape_type": "polygon", "points": [[0, 0], [3, 0], [3, 3]]},
    {"label": "y", "shape_type": "circle", "points": [[2, 2], [3, 2]]}]}


def main():
    folder = sys.argv[1]

    def write(reader, name, data):
        os.makedirs(os.path.join(folder, reader), exist_ok=True)
        with open(os.path.join(folder, reader, name), "wb") as file:
            file.write(data)

    for name, value in contents().items():
        for reader, is_zip in (("zip", True), ("legacy", False)):
            stream = io.BytesIO()
            torch.save(value, stream, _use_new_zipfile_serialization=is_zip)
            write(reader, name, stream.getvalue())
            if is_zip:
                archive = zipfile.ZipFile(stream)
                write("pickle", name, archive.read("archive/data.pkl"))
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(network()), stream)
    write("zip", "script", stream.getvalue())
    entry = next(name for name in zipfile.ZipFile(stream).namelist()
                 if name.endswith("data.pkl"))
    write("pickle", "script", zipfile.ZipFile(stream).read(entry))
    for protocol in range(2, 5):
        write("pickle", f"plain{protocol}",
              pickle.dumps({"a": [1, 2.5, "x", None, (True, b"y")],
                            3: -70000, "long": 1 << 70}, protocol))
    state = network().state_dict()
    write("safetensors", "state", safetensors(state))
    for name, data in images().items():
        write("image", name, data)
    write("list", "ids", b"a\nb c\n# d\n")
    write("list", "pairs", b"/JPEGImages/a.jpg /masks/a.png\n")
    write("list", "utf16", "a\r\nb".encode("utf-16"))
    write("annotations", "coco", b"c" + json.dumps(COCO).encode())
    write("annotations", "labelme", b"l" + json.dumps(LABELME).encode())
    write("annotations", "cvat", b"mbackground:0,0,0::\nroad:9,0,0::\n")
    write("annotations", "supervisely", b"mneutral 1 2 3\nroad 9 0 0\n")
    write("safetensors", "one", safetensors({"w": torch.ones(3)}))


if __name__ == "__main__":
    main()
