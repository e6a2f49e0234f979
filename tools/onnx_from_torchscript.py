#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes exported TorchScript as ONNX, for images of 513x513, with PyTorch.

    tools/onnx_from_torchscript.py FILE.pt FILE.onnx
"""
import sys
import warnings

import torch

warnings.simplefilter("ignore")
script = torch.jit.freeze(torch.jit.load(sys.argv[1]).eval())
torch.onnx.export(script, torch.zeros(1, 3, 513, 513), sys.argv[2],
                  opset_version=13, input_names=["images"],
                  output_names=["logits"])
