# SPDX-License-Identifier: Apache-2.0
"""Tests that tools/check_functions.py finds long functions and full folders, and
nothing else."""
import pathlib
import subprocess
import sys
import tempfile
import unittest


class CheckFunctions(unittest.TestCase):
    def check(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return subprocess.run(
                [sys.executable, "tools/check_functions.py", folder],
                capture_output=True, text=True, check=False)

    def body(self, lines):
        return "".join("  work();\n" for _ in range(lines))

    def test_a_function_of_60_lines_is_fine(self):
        done = self.check({"apps/a.cpp": "void f() {\n" + self.body(58) + "}\n"})
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_a_longer_function_is_named(self):
        done = self.check({"apps/a.cpp": "\nvoid f() {\n" + self.body(59) + "}\n"})
        self.assertEqual(done.returncode, 1)
        self.assertIn("apps/a.cpp:2: a function of 61 lines", done.stdout)

    def test_a_constructor_ends_where_its_own_brace_does(self):
        text = ("A::A(int one)\n    : one_(one),\n      two_(make(\n"
                "          one\n      )) {\n" + self.body(3) + "}\n")
        done = self.check({"data/a.cpp": text + "\n" * 100})
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_namespaces_and_classes_are_no_functions(self):
        text = ("namespace a {\nclass B {\n" + "  int c_;\n" * 80 + "};\n"
                "}  // namespace a\n")
        done = self.check({"deeplab/a.h": text})
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_a_folder_of_more_than_25_pairs_is_named(self):
        files = {f"data/f{i}{kind}": "\n" for i in range(26)
                 for kind in (".h", ".cpp")}
        done = self.check(files)
        self.assertEqual(done.returncode, 1)
        self.assertIn("data: holds 26 pairs", done.stdout)


if __name__ == "__main__":
    unittest.main()
