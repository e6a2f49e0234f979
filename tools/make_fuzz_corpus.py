#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes seeds for the fuzzers of weight files: make_fuzz_corpus.py FOLDER

Each reader gets one folder, with small valid files of every form that it reads.
"""
import io
import json
import os
import pickle
import sys
import zipfile

import torch


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
    write("safetensors", "one", safetensors({"w": torch.ones(3)}))


if __name__ == "__main__":
    main()
