#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Copies ctest's output and lists the skipped tests before its summary.

    ctest --test-dir BUILD ... | name_skips.py BUILD/Testing/Temporary/LastTest.log

ctest itself reports only which of its entries had skips. The tests and the
reasons are in its log.
"""
import collections
import os
import re
import sys


def skips(log):
    """Returns the skipped tests by reason, as GoogleTest printed them."""
    tests = collections.defaultdict(list)
    reason = ""
    lines = iter(log)
    for line in lines:
        if line.rstrip().endswith(": Skipped"):
            reason = next(lines, "").strip()
        # The list at the end of a program's output names the tests again, but
        # without a time.
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
