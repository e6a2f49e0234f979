# SPDX-License-Identifier: Apache-2.0
"""Tests that tools/check_layers.py reports wrong includes, and only those."""
import pathlib
import subprocess
import sys
import tempfile
import unittest


class CheckLayers(unittest.TestCase):
    def check(self, file, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / file
            path.parent.mkdir(parents=True)
            path.write_text(text)
            return subprocess.run(
                [sys.executable, "tools/check_layers.py", folder],
                capture_output=True, text=True, check=False)

    def test_an_include_downwards_is_fine(self):
        done = self.check("deeplab/model/a.h",
                          '#include "deeplab/core/error.h"\n')
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_an_include_upwards_is_named(self):
        done = self.check("deeplab/nn/a.h",
                          '#include "deeplab/model/deeplab.h"\n')
        self.assertEqual(done.returncode, 1)
        self.assertIn("deeplab/nn/a.h: includes deeplab/model/deeplab.h",
                      done.stdout)

    def test_a_library_past_its_border_is_named(self):
        done = self.check("deeplab/engine/a.cpp",
                          "#include <opencv2/core.hpp>\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("only apps, data may", done.stdout)

    def test_a_room_knows_only_those_below_it(self):
        done = self.check("apps/cli/a.h",
                          '#include "apps/config/run_config.h"\n')
        self.assertEqual(done.returncode, 1)
        self.assertIn("apps/cli/a.h: includes apps/config/run_config.h",
                      done.stdout)
        done = self.check("apps/verbs/a.cpp",
                          '#include "apps/cli/flags.h"\n#include <cxxopts.hpp>\n')
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_metrics_do_not_know_networks(self):
        done = self.check("deeplab/metrics/a.cpp",
                          '#include "deeplab/model/deeplab.h"\n')
        self.assertEqual(done.returncode, 1)

    def test_engine_does_not_know_data(self):
        done = self.check("deeplab/engine/a.cpp", '#include "data/check.h"\n')
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
