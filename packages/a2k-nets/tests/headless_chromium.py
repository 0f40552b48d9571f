"""A real browser that reaches this machine alone, for the tests of pages."""

import json
import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from urllib.parse import urlparse

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

# Machines that test are busy ones.
PATIENCE_SECONDS = 120

_SWITCHES = (
    "headless=new",
    "no-sandbox",
    "disable-dev-shm-usage",
    "no-proxy-server",
    # As on a machine without a network: no name is known but this machine's number.
    "host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "autoplay-policy=no-user-gesture-required",
)


def needs_browser(session, **others):
    """Return the mark of tests that need a browser, and other things by name; the session of nox has all of them."""
    wanted = {**others, "selenium": find_spec("selenium"), "Chromium": CHROMIUM, "chromedriver": DRIVER}
    lacking = ", ".join(name for name, there in wanted.items() if not there)
    return pytest.mark.skipif(bool(lacking), reason=f"needs {lacking}: see `nox -s {session}`")


@contextmanager
def running_chromium(*switches, preferences=None):
    """Run the browser; yield its driver, which logs requests and messages."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in (*_SWITCHES, *switches):
        options.add_argument(f"--{switch}")
    options.add_experimental_option("prefs", preferences or {})
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(PATIENCE_SECONDS)
    driver.set_script_timeout(PATIENCE_SECONDS)
    try:
        yield driver
    finally:
        driver.quit()


def check_requests(driver, address, *, more_than):
    """Check that the page has asked for so many things, all of its own server, since its log was read last."""
    sent = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    asked = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    assert len(asked) > more_than
    strangers = {url for url in asked if urlparse(url).scheme not in ("blob", "data")}
    assert {urlparse(url).netloc for url in strangers} == {urlparse(address).netloc}
