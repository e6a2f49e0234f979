# SPDX-License-Identifier: Apache-2.0
"""Tests a report in a browser: it opens without errors, sorts its table, moves
its slider, changes its colours, and makes no network requests.

    report_test.py PROGRAM
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

import browser as pages

PROGRAM = sys.argv.pop(1)
GRID = {
    "title": "A <small> & \"quoted\" grid",
    "paper": "A paper, table 1",
    "base": {
        "model": {"aspp": {"channels": 16, "separable": True},
                  "decoder_options": {"channels": 16, "separable": True}},
        "data": {"synthetic": {"train_images": 8, "val_images": 3,
                               "width": 64, "height": 48}},
        "augment": {"crop": 48},
        "train": {"iterations": 2, "batch_size": 2}},
    "axes": {"train.seed": [0, 1]},
    "rows": [
        {"name": "b", "set": {"model.decoder": "none"},
         "paper": {"mean_iou": 77.21, "multiply_adds": 81.02}},
        {"name": "a", "set": {"model.decoder": "v3plus",
                              "evaluate.trimap": [1, 2, 4]}},
        {"name": "c", "set": {"model.decoder": "v3plus",
                              "evaluate.flip": True}}]}


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.folder.name)
        (folder / "grid.json").write_text(json.dumps(GRID))
        subprocess.run([PROGRAM, "ablate", folder / "grid.json", "--out",
                        folder / "out", "--pictures", "2"],
                       check=True, capture_output=True)
        cls.browser = pages.open_page(folder / "out/report.html")

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()
        cls.folder.cleanup()

    def column(self, index):
        cells = self.browser.find_elements(
            By.CSS_SELECTOR, f"#scores tbody td:nth-child({index + 1})")
        return [cell.text for cell in cells]

    def header(self, title):
        headers = self.browser.find_elements(By.CSS_SELECTOR, "#scores th")
        titles = [one.text.replace("\n", " ").rstrip(" \u25b2\u25bc")
                  for one in headers]
        index = titles.index(title)
        return index, headers[index].find_element(By.TAG_NAME, "button")

    def test_opens_without_errors_and_without_the_network(self):
        self.assertEqual(self.browser.get_log("browser"), [])
        self.assertEqual(pages.urls_outside(self.browser), [])
        self.assertEqual(self.browser.find_element(By.TAG_NAME, "h1").text,
                         GRID["title"])

    def test_every_cell_of_every_table_holds_a_text_or_a_number(self):
        for opener in self.browser.find_elements(By.TAG_NAME, "summary"):
            opener.click()
        cells = self.browser.find_elements(By.TAG_NAME, "td")
        self.assertGreater(len(cells), 60)
        for cell in cells:
            self.assertNotRegex(cell.text, "NaN|undefined|null|Infinity")
        for title in ("parameters, 1e6", "multiply-adds, 1e9",
                      "multiply-adds by the paper's rule, 1e9", "ms an image",
                      "peak of tensors, MiB", "seeds"):
            index, _ = self.header(title)
            for text in self.column(index):
                self.assertGreater(float(text), 0, title)

    def test_shows_the_papers_values_in_grey_beside_ours(self):
        index, _ = self.header("paper: mIoU, %")
        self.assertEqual(sorted(self.column(index)), ["", "", "77.21"])
        cell = self.browser.find_element(By.CSS_SELECTOR, "#scores td.paper")
        ours = self.browser.find_element(By.CSS_SELECTOR, "#scores td")
        self.assertNotEqual(cell.value_of_css_property("color"),
                            ours.value_of_css_property("color"))

    def test_sorts_by_text_and_by_number_with_the_keyboard_too(self):
        index, button = self.header("row")
        button.click()
        self.assertEqual(self.column(index), ["a", "b", "c"])
        button.send_keys("\n")
        self.assertEqual(self.column(index), ["c", "b", "a"])
        index, button = self.header("mIoU, %")
        button.click()
        scores = [float(text.split()[0]) for text in self.column(index)]
        self.assertEqual(scores, sorted(scores, reverse=True))

    def test_draws_charts(self):
        charts = self.browser.find_elements(By.TAG_NAME, "canvas")
        self.assertGreaterEqual(len(charts), 4)
        for chart in charts:
            self.assertTrue(pages.is_drawn(self.browser, chart),
                            chart.get_attribute("aria-label"))

    def test_slides_between_two_results(self):
        slider = self.browser.find_element(By.ID, "slider")
        over = self.browser.find_element(By.CSS_SELECTOR, ".compare img.over")
        before = over.value_of_css_property("clip-path")
        slider.send_keys("\ue014" * 10)
        self.assertNotEqual(over.value_of_css_property("clip-path"), before)
        source = over.get_attribute("src")
        left = Select(self.browser.find_element(By.ID, "left"))
        left.select_by_visible_text("a: errors")
        self.assertNotEqual(over.get_attribute("src"), source)

    def test_changes_between_dark_and_light(self):
        body = self.browser.find_element(By.TAG_NAME, "body")
        before = body.value_of_css_property("background-color")
        self.browser.find_element(By.ID, "theme").click()
        self.assertNotEqual(body.value_of_css_property("background-color"),
                            before)


if __name__ == "__main__":
    unittest.main()
