#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a function is longer than 60 lines, or a folder holds more than 25
pairs of files.

    tools/check_functions.py [ROOT]

It reads the layout that clang-format gives: a function ends at the first closing
brace that is indented two places less than its first line.
"""
import pathlib
import re
import sys

MOST_LINES = 60
MOST_PAIRS = 25
FOLDERS = ("deeplab", "data", "apps")
# The line that opens a body, and what is no function although it does so too.
OPENS = re.compile(r"^(\s*)(.*)\{$")
NO_FUNCTION = re.compile(
    r"^\s*(namespace|class|struct|enum|union|extern|if|else|for|while|do|"
    r"switch|case|default|try|\} |#|//|template <)\b|= \{$|\[.*\].*\{$")


def functions(lines):
    """Yields (first line, number of lines) of each function body."""
    for first, line in enumerate(lines):
        found = OPENS.match(line)
        if not found or not re.search(r"\)[^;]*\{$|^\s*\) .*\{$|^\)\s*\{$",
                                      line) or NO_FUNCTION.search(line):
            continue
        body = lines[first + 1]
        end = " " * (len(body) - len(body.lstrip()) - 2) + "}"
        for last in range(first + 1, len(lines)):
            if lines[last].startswith(end):
                yield first + 1, last - first + 1
                break


def problems(root):
    for folder in FOLDERS:
        pairs = {}
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            pairs.setdefault(path.parent, set()).add(path.stem)
            name = path.relative_to(root)
            for line, length in functions(path.read_text().splitlines()):
                if length > MOST_LINES:
                    yield f"{name}:{line}: a function of {length} lines; " \
                          f"at most {MOST_LINES}"
        for place, stems in pairs.items():
            if len(stems) > MOST_PAIRS:
                yield f"{place.relative_to(root)}: holds {len(stems)} pairs " \
                      f"of files; at most {MOST_PAIRS}"


def main():
    default = pathlib.Path(__file__).resolve().parent.parent
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    found = list(problems(root))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
