# SPDX-License-Identifier: Apache-2.0
"""Tests that the C++ code, flags, packages, files and headings in the READMEs exist.

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
# Documents that show commands or JSON.
OTHERS = [pathlib.Path(path).read_text() for path in
          ("apps/README.md", "apps/configs/README.md",
           "apps/configs/ablations/README.md", "data/README.md",
           "deeplab/crf/README.md", "deeplab/engine/README.md",
           "deeplab/weights/README.md", "tools/README.md")]
COMMANDS = [line for text in [README, *OTHERS]
            for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
            for line in block.splitlines()
            if re.match(r"(\S*/)?deeplab ", line)]
DOCUMENTS = [*pathlib.Path(".").glob("*.md"),
             *(path for folder in ("apps", "data", "deeplab", "tests", "tools")
               for path in pathlib.Path(folder).rglob("*.md"))]
PROGRAM = sys.argv.pop(1)


@functools.lru_cache(maxsize=None)
def help_of(*verb):
    return subprocess.run([PROGRAM, *verb, "--help"], check=True,
                          capture_output=True, text=True).stdout


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def links_of(text):
    """Relative links, as pairs of path and heading, each may be empty."""
    inline = re.findall(r"\]\(([^)\s]+)\)", without_code(text))
    references = re.findall(r"^\[[^\]]+\]: (\S+)", text, re.MULTILINE)
    for target in inline + references:
        if not re.match(r"\w+:", target):
            path, _, heading = target.partition("#")
            yield path, heading


def headings_of(document):
    """The names by which links reach a document's headings, as GitHub's."""
    titles = re.findall(r"^#+ (.*)$", without_code(document.read_text()),
                        re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            for title in titles}


class Readme(unittest.TestCase):
    def test_cpp_is_the_consumer_that_the_install_test_builds(self):
        consumer = pathlib.Path("tests/install/consumer.cpp").read_text()
        code = [text for kind, text in BLOCKS if kind == "cpp"]
        self.assertEqual(len(code), 1)
        self.assertIn(code[0], consumer)

    def test_every_flag_of_every_command_exists(self):
        self.assertGreater(len(COMMANDS), 70)
        for command in COMMANDS:
            words = command.split()[1:]
            nested = words[0] == "data" or words[:2] == ["crf", "tune"]
            verb = words[:2] if nested else words[:1]
            printed = help_of(*verb)
            for word in words:
                if word.startswith("--"):
                    self.assertIn(word.split("=")[0], printed, command)

    def test_json_is_json(self):
        for text in [README, *OTHERS]:
            for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
                json.loads(block)

    def test_is_short(self):
        self.assertLessEqual(len(README.splitlines()), 200)

    def test_every_link_leads_to_a_file_and_a_heading(self):
        for document in DOCUMENTS:
            for path, heading in links_of(document.read_text()):
                target = document.parent / path if path else document
                with self.subTest(document=str(document), target=path):
                    self.assertTrue(target.exists())
                if heading:
                    with self.subTest(document=str(document), heading=heading):
                        self.assertIn(heading, headings_of(target))

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
