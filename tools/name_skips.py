#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Passes ctest's output on and names each skipped test before its summary.

    ctest --test-dir BUILD ... | name_skips.py BUILD/Testing/Temporary/LastTest.log

ctest itself says only which of its lines had skips; the tests and their reasons
stand in its log.
"""
import collections
import os
import re
import sys


def skips(log):
    """Reasons with the tests of each, as GoogleTest printed them."""
    tests = collections.defaultdict(list)
    reason = ""
    lines = iter(log)
    for line in lines:
        if line.rstrip().endswith(": Skipped"):
            reason = next(lines, "").strip()
        # The list at the end of a program's output names them without a time.
        skipped = re.match(r"\[  SKIPPED \] (\S+) \(\d+ ms\)", line)
        if skipped:
            tests[reason].append(skipped[1])
    return tests


def main():
    summary = []
    for line in sys.stdin:
        if summary or re.match(r"\d+% tests passed", line):
            summary.append(line)
        else:
            print(line, end="", flush=True)
    if os.path.exists(sys.argv[1]):
        with open(sys.argv[1], errors="replace") as log:
            for reason, tests in skips(log).items():
                print(f"skipped, {reason}: {', '.join(tests)}")
    print("\n" + "".join(summary), end="")


if __name__ == "__main__":
    main()
