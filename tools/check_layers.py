#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a source file includes what its layer must not see.

    tools/check_layers.py [ROOT]
"""
import pathlib
import re
import sys

# A layer, and those that it builds on directly; what they build on follows.
BUILDS_ON = {
    "deeplab/core": [],
    "deeplab/nn": ["deeplab/core"],
    "deeplab/backbone": ["deeplab/nn"],
    "deeplab/weights": ["deeplab/core"],
    "deeplab/model": ["deeplab/backbone", "deeplab/weights"],
    "deeplab/engine": ["deeplab/model"],
    "deeplab/crf": ["deeplab/core"],
    "data": ["deeplab/core"],
    "apps": ["deeplab/engine", "deeplab/crf", "data"],
}
# A library, and the only layers that may include it.
BORDERS = {
    r"opencv2/": {"data", "apps"},
    r"cxxopts": {"apps"},
    r"nlohmann/": {"deeplab/core", "deeplab/weights", "deeplab/engine"},
    r"(boost/|.*\.pb\.h)": {"apps"},
    r"(png\.h|jpeglib\.h|libexif/)": {"data"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


def visible(layer):
    seen = {layer}
    for below in BUILDS_ON[layer]:
        seen |= visible(below)
    return seen


def layer_of(path):
    for layer in BUILDS_ON:
        if path.startswith(layer + "/"):
            return layer
    return None


def problems(root):
    for layer in BUILDS_ON:
        allowed = visible(layer)
        for file in sorted((root / layer).rglob("*")):
            if file.suffix not in (".h", ".cpp", ".in"):
                continue
            name = file.relative_to(root).as_posix()
            for target in INCLUDE.findall(file.read_text()):
                other = layer_of(target)
                if other is not None and other not in allowed:
                    yield f"{name}: includes {target}; {layer} may see " \
                          f"only {', '.join(sorted(allowed))}"
                for library, layers in BORDERS.items():
                    if re.match(library, target) and layer not in layers:
                        yield f"{name}: includes {target}; only " \
                              f"{', '.join(sorted(layers))} may"


def main():
    default = pathlib.Path(__file__).resolve().parent.parent
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    found = list(problems(root))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
