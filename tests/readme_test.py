# SPDX-License-Identifier: Apache-2.0
"""What the README shows is there: its C++, its flags, its packages.

    readme_test.py PROGRAM
"""
import functools
import json
import pathlib
import re
import subprocess
import sys
import unittest

README = pathlib.Path("README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
OTHERS = [pathlib.Path(path).read_text() for path in
          ("data/README.md", "apps/configs/ablations/README.md")]
COMMANDS = [line for text in [README, *OTHERS]
            for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
            for line in block.splitlines()
            if re.match(r"(\S*/)?deeplab ", line)]
PROGRAM = sys.argv.pop(1)


@functools.lru_cache(maxsize=None)
def help_of(*verb):
    return subprocess.run([PROGRAM, *verb, "--help"], check=True,
                          capture_output=True, text=True).stdout


class Readme(unittest.TestCase):
    def test_cpp_is_the_consumer_that_the_install_test_builds(self):
        consumer = pathlib.Path("tests/install/consumer.cpp").read_text()
        code = [text for kind, text in BLOCKS if kind == "cpp"]
        self.assertEqual(len(code), 1)
        self.assertIn(code[0], consumer)

    def test_every_flag_of_every_command_exists(self):
        self.assertGreater(len(COMMANDS), 16)
        for command in COMMANDS:
            words = command.split()[1:]
            nested = words[0] == "data" or words[:2] == ["crf", "tune"]
            verb = words[:2] if nested else words[:1]
            printed = help_of(*verb)
            for word in words:
                if word.startswith("--"):
                    self.assertIn(word.split("=")[0], printed, command)

    def test_json_is_json(self):
        for kind, text in BLOCKS:
            if kind == "json":
                json.loads(text)

    def test_every_installed_package_is_named(self):
        script = pathlib.Path("tools/install_dependencies").read_text()
        for group in re.findall(r"packages\+?=\((.*?)\)", script, re.DOTALL):
            for package in group.split():
                self.assertIn(f"`{package}`", README)

    def test_every_path_exists(self):
        for path in re.findall(r"`((?:tools|apps|data|deeplab)/[\w./]+)`",
                               README):
            self.assertTrue(pathlib.Path(path).exists(), path)


if __name__ == "__main__":
    unittest.main()
