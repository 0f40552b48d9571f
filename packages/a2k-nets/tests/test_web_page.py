"""The page of `a2k web` in a real browser: `nox -s web`, or wherever Gradio, Selenium and Chromium are."""

import base64
import io
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from head_clips import clip
from headless_chromium import PATIENCE_SECONDS, check_requests, needs_browser, running_chromium
from PIL import Image
from skimage.data import astronaut

from a2k_nets.extras import has_kp_render
from kp_io.formats.registry import load_keypoints, save_keypoints
from kp_io.media.video_reader import probe_video

SPEECH = Path(__file__).parents[3] / "examples" / "assets" / "sense_and_sensibility_0870.wav"
pytestmark = needs_browser("web", gradio=find_spec("gradio"))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def results(folder: Path) -> list[Path]:
    return [path for path in files(folder) if path.parent.name.startswith("result-")]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """`a2k web` in a process of its own: its address, and the folder where it keeps its files."""
    place = tmp_path_factory.mktemp("temporary")
    command = [sys.executable, "-m", "a2k_nets", "web", "--no-open", "--port", "0", "--max-seconds", "60"]
    with subprocess.Popen(
        command, env=os.environ | {"TMPDIR": str(place)}, stdout=subprocess.PIPE, text=True
    ) as process:
        address = process.stdout.readline().split()[0]
        yield address, place
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_SECONDS) == 130
    # Nothing that was uploaded or made is left when the page ends.
    assert files(place) == []


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    downloads = tmp_path_factory.mktemp("downloads")
    # Several files in a row are what we want.
    several = {"profile.default_content_setting_values.automatic_downloads": 1}
    preferences = {"download.default_directory": str(downloads)} | several
    with running_chromium("disable-gpu", "window-size=1280,800", preferences=preferences) as driver:
        driver.downloads = downloads
        yield driver


@pytest.fixture
def page(server, chromium):
    """The page, freshly loaded; in the end it must have asked nobody but its own server for anything."""
    address, _ = server
    chromium.get(address)
    page = Page(chromium)
    page.wait("#generate")
    page.wait("#portrait input[type=file]")
    yield page
    check_requests(chromium, address, more_than=20)
    # Nor has it tried to, and been stopped by the policy.
    assert not [line for line in chromium.get_log("browser") if "Content Security Policy" in line["message"]]


class Page:
    """What a visitor does and sees."""

    def __init__(self, driver):
        self.driver = driver

    def until(self, condition, what):
        for _ in range(PATIENCE_SECONDS * 4):
            if found := condition():
                return found
            time.sleep(0.25)
        raise AssertionError(f"expected {what}, saw: {self.text('body')[:2000]}")

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def wait(self, selector):
        return self.until(lambda: self.all(selector), selector)[0]

    def text(self, selector):
        return " ".join(element.text for element in self.all(selector))

    def upload(self, where, path):
        from selenium.common.exceptions import StaleElementReferenceException

        field = f"#{where} input[type=file]"
        self.wait(field)

        def arrived():
            # The page makes its fields anew when an answer comes: what went to an old one is lost, and sent again.
            with suppress(StaleElementReferenceException):
                for element in self.all(field):
                    element.send_keys(str(path))
            for _ in range(20):
                if not self.all(field):
                    return True
                time.sleep(0.25)
            return False

        self.until(arrived, f"{path.name} to arrive in {where}")

    def click(self, selector):
        from selenium.common.exceptions import ElementClickInterceptedException

        def clicked():
            try:
                self.wait(selector).click()
            except ElementClickInterceptedException:  # what moves when something arrives may lie over it for a moment
                return False
            return True

        self.until(clicked, f"{selector} to be free")

    def generate(self):
        """Press the button; return what the page then says."""
        before = self.text("#status")
        self.click("#generate")
        done = "#status .note, #status .error"

        def told():
            says = self.text(done)
            return (
                says
                if says and says != before and not says.endswith("…") and not self.all("#status .progress-text")
                else ""
            )

        return self.until(told, "an answer")

    def video(self):
        """Return ready state, duration, and how far it has played."""
        script = "v = document.querySelector('#video video'); return v && [v.readyState, v.duration, v.currentTime]"
        return self.driver.execute_script(script)

    def save_picture(self, path, *, seconds):
        """Save the whole page, with a moment of the video."""
        self.driver.execute_script(
            "v = document.querySelector('#video video'); v.pause(); v.currentTime = arguments[0]", seconds
        )
        self.wait("#detected img")
        time.sleep(3)  # the controls of the video fade out
        size = "return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        width, height = self.driver.execute_script(size)
        area = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": area})
        with Image.open(io.BytesIO(base64.b64decode(taken["data"]))) as picture:
            # A palette: a third of the size.
            picture.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE).save(path, optimize=True)

    def download(self, name):
        path = self.driver.downloads / name
        self.click(f"#download-{name.replace('.', '-')}")
        self.until(path.is_file, f"a download of {name}")
        return path


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    path = tmp_path_factory.mktemp("portrait") / "face.png"
    Image.fromarray(astronaut()).save(path)
    return path


def test_a_portrait_speaks(page, server, portrait):
    page.upload("portrait", portrait)
    page.upload("audio", SPEECH)
    assert "178 frames" in page.generate()
    page.until(lambda: (page.video() or [0])[0] >= 2, "a video that can be played")
    assert page.video()[1] == pytest.approx(7.12, abs=0.1)
    page.until(lambda: page.video()[2] > 0, "a video that plays by itself")
    if picture := os.environ.get("A2K_PICTURE"):  # that of docs/web.md
        page.save_picture(Path(picture), seconds=3.6)
    page.wait("#chart svg polyline")
    page.wait("#detected img")
    for suffix in ("npz", "csv", "json"):
        assert len(load_keypoints(page.download(f"keypoints.{suffix}"))) == 178
    for name in ("portrait.mp4", "keypoints.mp4") if has_kp_render() else ("keypoints.mp4",):
        video = probe_video(page.download(name))
        assert (video.has_audio, video.num_frames(25.0)) == (True, 178)
    # The results of one request are there, as long as somebody looks at them.
    _, place = server
    assert len({path.parent for path in results(place)}) == 1
    page.driver.get("about:blank")
    page.until(lambda: not results(place), "the results to be removed")


def test_bad_ones_stop_nothing(page, server, portrait, tmp_path):
    assert "portrait is missing" in page.generate()
    Image.fromarray(np.full((256, 256, 3), 90, np.uint8)).save(tmp_path / "wall.png")
    page.upload("portrait", tmp_path / "wall.png")
    page.upload("audio", SPEECH)
    assert "face" in page.generate()
    assert not page.all("#video video")
    page.click("#portrait button[aria-label*='lear'], #portrait button[aria-label*='emove']")
    (tmp_path / "letter.png").write_bytes(b"Dear Sir or Madam, this is no picture.")
    page.upload("portrait", tmp_path / "letter.png")
    told = page.generate()
    assert "Expected a picture" in told
    assert "letter.png" in told
    _, place = server
    assert results(place) == []
    # And the next good one works, with a text.
    page.click("#portrait button[aria-label*='lear'], #portrait button[aria-label*='emove']")
    page.upload("portrait", portrait)
    page.click("#writing-button")
    page.wait("#text textarea").send_keys("Good morning.")
    assert "frames" in page.generate()
    page.until(lambda: (page.video() or [0])[0] >= 2, "a video that can be played")


def test_style_and_driving(page, portrait, tmp_path):
    lively = tmp_path / "lively.npz"
    save_keypoints(lively, clip(0.3))
    page.upload("portrait", portrait)
    page.upload("audio", SPEECH)
    page.click("#head-gains button")
    page.until(lambda: page.wait("#driving input[type=file]"), "an open accordion")
    page.upload("style", lively)
    (tmp_path / "damaged.npz").write_bytes(lively.read_bytes()[:300])
    page.upload("driving", tmp_path / "damaged.npz")
    told = page.generate()
    assert "damaged.npz" in told
    assert "cut off" in told
    page.click("#driving button[aria-label*='lear'], #driving button[aria-label*='emove']")
    page.upload("driving", lively)
    assert "178 frames" in page.generate()
    page.until(lambda: (page.video() or [0])[0] >= 2, "a video that can be played")
    assert page.driver.execute_script("return document.documentElement.scrollWidth") <= 1280


def test_a_file_that_is_too_large(page, tmp_path):
    (tmp_path / "endless.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + bytes(26_000_000))
    page.wait("#audio input[type=file]").send_keys(str(tmp_path / "endless.wav"))
    page.until(lambda: "size" in page.text("body").lower() and "25" in page.text("body"), "a word about the size")
    assert "portrait is missing" in page.generate()


def test_examples_and_a_phone(page):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.click("#example-portrait button.gallery-item, #example-portrait .gallery-item")
        page.click("#example-speech button.gallery-item, #example-speech .gallery-item")
        page.wait("#portrait img")
        page.until(lambda: not page.all("#audio input[type=file]"), "the reading")
        page.click("#head-gains button")
        assert "178 frames" in page.generate()
        assert page.driver.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
