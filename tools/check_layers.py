#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if a source file includes a header that its layer must not include.

    tools/check_layers.py [ROOT]
"""
import pathlib
import re
import sys

# Each layer, or folder of one, with the layers that it may include directly. It
# may also include what those may include.
BUILDS_ON = {
    "deeplab/core": [],
    "deeplab/nn": ["deeplab/core"],
    "deeplab/backbone": ["deeplab/nn"],
    "deeplab/weights": ["deeplab/core"],
    "deeplab/model": ["deeplab/backbone", "deeplab/weights"],
    "deeplab/compile": ["deeplab/model"],
    "deeplab/metrics": ["deeplab/core"],
    "deeplab/engine": ["deeplab/model", "deeplab/metrics"],
    "deeplab/crf/kernels": ["deeplab/core"],
    "deeplab/crf/filters": ["deeplab/crf/kernels"],
    "deeplab/crf": ["deeplab/crf/filters"],
    "data/dataset": ["deeplab/core"],
    "data/files": ["data/dataset"],
    "data/synthetic": ["data/dataset"],
    "data/sets": ["data/files"],
    "data/packed": ["data/sets"],
    "data/prepare": ["data/sets"],
    "data": ["data/packed", "data/prepare", "data/synthetic"],
    "apps/machine": ["deeplab/engine"],
    "apps/cli": ["apps/machine"],
    "apps/pictures": ["data"],
    "apps/config": ["deeplab/engine", "deeplab/crf", "data"],
    "apps/report": ["apps/config", "apps/pictures"],
    "apps/run": ["apps/report", "apps/machine", "deeplab/compile"],
    "apps/ablation": ["apps/run"],
    "apps/verbs": ["apps/ablation", "apps/cli"],
    "apps": ["apps/verbs"],
}
# Patterns of third-party headers with the only layers that may include them.
BORDERS = {
    r"opencv2/": {"data", "apps"},
    r"cxxopts": {"apps"},
    r"nlohmann/": {"deeplab/core", "deeplab/weights", "deeplab/engine"},
    r"(boost/|.*\.pb\.h)": {"apps"},
    r"(png\.h|jpeglib\.h|libexif/)": {"data"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


def top(layer):
    return layer if layer in ("data", "apps") else \
        layer.split("/")[0] if layer.startswith(("data/", "apps/")) else layer


def visible(layer):
    seen = {layer}
    for below in BUILDS_ON[layer]:
        seen |= visible(below)
    return seen


def layer_of(path):
    """The layer with the longest name that the path begins with."""
    return max((layer for layer in BUILDS_ON if path.startswith(layer + "/")),
               key=len, default=None)


def problems(root):
    for layer in BUILDS_ON:
        allowed = visible(layer)
        for file in sorted((root / layer).rglob("*")):
            if file.suffix not in (".h", ".cpp", ".in"):
                continue
            name = file.relative_to(root).as_posix()
            if layer_of(name) != layer:
                continue
            for target in INCLUDE.findall(file.read_text()):
                other = layer_of(target)
                if other is not None and other not in allowed:
                    yield f"{name}: includes {target}; {layer} may see " \
                          f"only {', '.join(sorted(allowed))}"
                for library, layers in BORDERS.items():
                    if re.match(library, target) and top(layer) not in layers:
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
