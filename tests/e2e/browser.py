# SPDX-License-Identifier: Apache-2.0
"""Opens pages in a headless browser, for the tests of the reports."""
import json

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service


def open_page(path):
    options = Options()
    for word in ["--headless=new", "--no-sandbox", "--disable-gpu",
                 "--disable-dev-shm-usage", "--window-size=1200,2400"]:
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs",
                           {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(service=Service("/usr/bin/chromedriver"),
                               options=options)
    browser.get(path.as_uri())
    return browser


def urls_outside(browser):
    """Returns the URLs that the page has requested from the network."""
    asked = [json.loads(line["message"])["message"]
             for line in browser.get_log("performance")]
    urls = [one["params"]["request"]["url"] for one in asked
            if one["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith(("file:", "data:"))]


def is_drawn(browser, chart):
    """Returns whether a canvas has more than a few colours."""
    return browser.execute_script(
        "const c = arguments[0]; const d = c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data;"
        "return new Set(d).size > 8;", chart)
