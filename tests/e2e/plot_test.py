# SPDX-License-Identifier: Apache-2.0
"""Tests the page with the curves of trainings in a browser: it opens without
errors, makes no network requests, and shows curves, scores and configs.

    plot_test.py PROGRAM
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

from selenium.webdriver.common.by import By

import browser as pages

PROGRAM = sys.argv.pop(1)


def write_run(folder, seed, iterations):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(
        {"train": {"seed": seed, "batch_size": 8},
         "data": {"root": "</script><b>"[seed:]}}))
    lines = []
    for i in range(1, iterations + 1):
        lines.append({"iteration": i, "learning_rate": 0.01 * (1 - i / 3000),
                      "loss": 2 / math.sqrt(i + seed) + 0.1 * (i * 7 % 5)})
        if i % 500 == 0:
            lines.append({"iteration": i, "validation": {
                "mean_iou": i / 3000, "pixel_accuracy": 0.5 + i / 5000,
                "class_iou": {"sky": 0.25, "<sea>": None}}})
    (folder / "metrics.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines) + '{"iterat')


class Plot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.folder.name)
        write_run(folder / "one", 0, 2000)
        write_run(folder / "<two>", 1, 1500)
        subprocess.run([PROGRAM, "plot", folder / "one", folder / "<two>",
                        "--out", folder / "plot.html"],
                       check=True, capture_output=True)
        cls.browser = pages.open_page(folder / "plot.html")

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()
        cls.folder.cleanup()

    def table(self, name):
        rows = self.browser.find_elements(By.CSS_SELECTOR, f"#{name} tr")
        return [[cell.text for cell in
                 row.find_elements(By.CSS_SELECTOR, "th, td")]
                for row in rows]

    def test_opens_without_errors_and_without_the_network(self):
        self.assertEqual(self.browser.get_log("browser"), [])
        self.assertEqual(pages.urls_outside(self.browser), [])

    def test_draws_loss_rate_and_validation(self):
        charts = self.browser.find_elements(By.TAG_NAME, "canvas")
        self.assertEqual(
            [chart.get_attribute("aria-label") for chart in charts],
            ["Training loss (faint: each step)", "Learning rate",
             "Validation: mean IoU", "Validation: pixel accuracy"])
        for chart in charts:
            self.assertTrue(pages.is_drawn(self.browser, chart),
                            chart.get_attribute("aria-label"))

    def test_hides_a_runs_faint_line_with_its_smooth_one(self):
        shown = self.browser.execute_script(
            "const item = charts[0].legend.legendItems[0];"
            "charts[0].options.plugins.legend.onClick"
            "(null, item, charts[0].legend);"
            "return charts[0].data.datasets.map((_, i) =>"
            "  charts[0].isDatasetVisible(i));")
        self.assertEqual(shown, [False, True, False, True])
        names = self.browser.execute_script(
            "return charts[0].legend.legendItems.map((item) => item.text);")
        self.assertEqual(names, ["one", "<two>"])

    def test_lists_scores_of_the_last_validation(self):
        self.assertEqual(self.table("validation"), [
            ["%", "one", "<two>"], ["iteration", "2000", "1500"],
            ["mean IoU", "66.67", "50.00"],
            ["pixel accuracy", "90.00", "80.00"],
            ["IoU of sky", "25.00", "25.00"], ["IoU of <sea>", "-", "-"]])

    def test_lists_where_the_configs_differ(self):
        self.assertEqual(self.table("differing"), [
            ["key", "one", "<two>"],
            ["data.root", "</script><b>", "/script><b>"],
            ["train.seed", "0", "1"]])


if __name__ == "__main__":
    unittest.main()
