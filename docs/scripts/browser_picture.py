"""Draw docs/images/browser.png: the page of examples/browser in headless Chromium, speaking.

    python examples/browser/prepare.py
    python docs/scripts/browser_picture.py               # the picture of docs/browser.md
    python docs/scripts/browser_picture.py --looks OUT   # the page at several widths and states, to look at

It needs Chromium, chromedriver, selenium and the extras kp-io[dlib] and scikit-image. The portrait is scikit-image's.
"""

import argparse
import base64
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "packages" / "a2k-nets" / "tests"))

from live_page import SPEECH, chromium_that_hears, opened, portrait_with_keypoints, served  # noqa: E402 - of tests


def look(page: Any, path: Path, width: int, *, dark: bool = False) -> None:
    """Write the whole page as a picture, laid out in so many pixels."""
    driver = page.driver
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    time.sleep(0.3)
    height = driver.execute_script("return document.documentElement.scrollHeight")
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics | {"height": height})
    time.sleep(0.3)
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    path.write_bytes(base64.b64decode(picture["data"]))


def speak(page: Any) -> None:
    """Let the page speak, until a mouth that is open has been drawn."""
    page.find("speech").send_keys(str(SPEECH))
    page.find("speak").click()
    page.until(lambda: len(page.recording()["frames"]) > 60, "frames")
    time.sleep(1)


def give_portrait(page: Any, folder: Path) -> None:
    """Choose a portrait and its keypoints."""
    picture, keypoints, _ = portrait_with_keypoints(folder)
    page.find("keypoints").send_keys(str(keypoints))
    page.find("portrait").send_keys(str(picture))
    page.says("portrait is ready")


def main() -> None:
    """Draw the picture, or all looks of the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--looks", type=Path, help="folder for pictures of all widths and states")
    looks = parser.parse_args().looks
    with tempfile.TemporaryDirectory() as name, chromium_that_hears(Path(name)) as chromium, served() as address:
        if looks is not None:
            looks.mkdir(parents=True, exist_ok=True)
            with opened(chromium, address) as page:
                for width in (390, 1_280):
                    look(page, looks / f"ready-{width}.png", width)
                speak(page)
                for width in (390, 1_280):
                    look(page, looks / f"speaking-{width}.png", width)
        with opened(chromium, address) as page:
            give_portrait(page, Path(name))
            speak(page)
            if looks is None:
                look(page, ROOT / "docs" / "images" / "browser.png", 1_120)
                return
            for width in (390, 1_280):
                look(page, looks / f"portrait-{width}.png", width)
                look(page, looks / f"portrait-dark-{width}.png", width, dark=True)


if __name__ == "__main__":
    main()
