"""The page of examples/browser in a real browser with a fake microphone: `nox -s browser`."""

import functools
import http.server
import json
import os
import shutil
import threading
import time
import wave
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
import torch

from a2k_nets.inference.streaming import StreamingGenerator
from a2k_nets.residual.model import Audio2Keypoint
from kp_io.media.audio import read_audio

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "examples" / "browser"
SPEECH = ROOT / "examples" / "assets" / "sense_and_sensibility_0870.wav"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
LACKING = [
    name
    for name, there in {
        "selenium": find_spec("selenium"),
        "Chromium": CHROMIUM,
        "chromedriver": DRIVER,
        "examples/browser/vendor": (PAGE / "vendor" / "model.onnx").is_file(),
    }.items()
    if not there
]
pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"needs {', '.join(LACKING)}: see `nox -s browser`")

# Machines that test are busy ones.
PATIENCE_SECONDS = 120


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    """The page, served as `python -m http.server` does."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(PAGE)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    from selenium import webdriver

    spoken = tmp_path_factory.mktemp("sound") / "spoken.wav"
    with wave.open(str(spoken), "wb") as sound:  # the fake microphone reads 16-bit PCM only
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes((read_audio(SPEECH) * 32_767).round().to(torch.int16).numpy().tobytes())
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in (
        "headless=new",
        "no-sandbox",
        "disable-dev-shm-usage",
        "no-proxy-server",
        "host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        "autoplay-policy=no-user-gesture-required",
        "window-size=1280,900",
        "use-fake-device-for-media-stream",
        "use-fake-ui-for-media-stream",
        f"use-file-for-fake-audio-capture={spoken}",
        "use-gl=angle",
        "use-angle=swiftshader",
        "enable-unsafe-swiftshader",
    ):
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(PATIENCE_SECONDS)
    driver.set_script_timeout(PATIENCE_SECONDS)
    yield driver
    driver.quit()


@pytest.fixture
def page(address, chromium):
    """The page, freshly loaded; in the end it must have asked nobody but its own server for anything."""
    chromium.get_log("performance")
    chromium.get_log("browser")
    chromium.get(address)
    page = Page(chromium)
    page.says("Ready")
    yield page
    sent = (json.loads(entry["message"])["message"] for entry in chromium.get_log("performance"))
    asked = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    assert len(asked) > 5
    strangers = {url for url in asked if urlparse(url).scheme not in ("blob", "data")}
    assert {urlparse(url).netloc for url in strangers} == {urlparse(address).netloc}
    # A server that finds no faces says so with a status, which the browser logs.
    errors = [line for line in chromium.get_log("browser") if line["level"] == "SEVERE"]
    known = ("v1/face", "cpuid_info")  # the latter is a warning of onnxruntime before its level is set
    assert not [line for line in errors if not any(part in line["message"] for part in known)]


class Page:
    """What a visitor does and sees."""

    def __init__(self, driver):
        self.driver = driver

    def find(self, name):
        return self.driver.find_element("id", name)

    def until(self, condition, what, *, errors=False):
        for _ in range(PATIENCE_SECONDS * 10):
            if found := condition():
                return found
            if self.driver.find_elements("css selector", "#status.error") and not errors:
                break
            time.sleep(0.1)
        raise AssertionError(f"expected {what}, saw: {self.find('status').text}")

    def says(self, part):
        self.until(lambda: part in self.find("status").text, part, errors=True)

    def recording(self):
        """Return what the page heard and what it drew."""
        script = "const done = arguments[0]; import('./main.js').then((main) => done(main.recording()));"
        return self.driver.execute_async_script(script)

    def picture(self, canvas):
        return self.driver.execute_script(f"return document.getElementById('{canvas}').toDataURL()")


@pytest.fixture(scope="module")
def model():
    return Audio2Keypoint.from_pretrained().eval()


def expected(model, samples, reference=None, **options):
    if reference is None:
        reference = model.normalizer.mean_face_px
    stream = StreamingGenerator(reference, model, **options)
    return torch.cat([stream.push(samples), stream.flush()]).numpy()


def drawn(recording):
    return np.array(recording["frames"]).reshape(len(recording["frames"]), -1, 2)


def heard(recording):
    return torch.tensor(recording["samples"], dtype=torch.float32)


def set_value(page, name, value):
    script = (
        "const e = document.getElementById(arguments[0]); e.value = arguments[1]; e.dispatchEvent(new Event('input'))"
    )
    page.driver.execute_script(script, name, value)


def test_a_file_gives_the_keypoints_of_python(page, model):
    set_value(page, "seed", 4)
    set_value(page, "expression", 1.5)
    page.find("speech").send_keys(str(SPEECH))
    before = page.picture("face")
    page.find("speak").click()
    page.until(lambda: page.recording()["ended"], "the end")
    result = page.recording()
    # Chromium divides positive samples by 32767, others by 32768.
    assert np.abs(np.array(result["samples"]) - read_audio(SPEECH).numpy()).max() < 2**-15
    keypoints = expected(model, heard(result), expression=1.5, seed=4)
    assert drawn(result).shape == keypoints.shape
    assert np.abs(drawn(result) - keypoints).max() < 1e-3
    page.until(lambda: page.picture("face") != before, "a face that moves")
    print(f"{result['ms']:.2f} ms a frame")  # noqa: T201 - shown by -s; no test depends on a duration


def test_the_microphone_by_keyboard(page, model):
    from selenium.webdriver.common.keys import Keys

    button = page.find("microphone")
    for _ in range(3):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        if page.driver.switch_to.active_element == button:
            break
    assert page.driver.switch_to.active_element == button
    button.send_keys(Keys.ENTER)
    page.says("Listening")
    assert button.get_attribute("aria-pressed") == "true"
    page.until(lambda: len(page.recording()["frames"]) >= 75, "three seconds of frames")
    assert page.find("latency").text.endswith("ms")
    button.send_keys(Keys.SPACE)
    page.until(lambda: page.recording()["ended"], "the end")
    assert button.get_attribute("aria-pressed") == "false"
    result = page.recording()
    assert heard(result).abs().max() > 0.05  # the fake microphone speaks
    keypoints = expected(model, heard(result))
    assert drawn(result).shape == keypoints.shape
    assert np.abs(drawn(result) - keypoints).max() < 1e-3


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    """A portrait, its keypoints in a file of `kp-io annotate`, and as an array."""
    from typer.testing import CliRunner

    from kp_io import write_image
    from kp_io.cli.app import app
    from kp_io.formats.registry import load_keypoints

    pytest.importorskip("dlib", reason="needs the extra kp-io[dlib]")
    face = pytest.importorskip("skimage.data", reason="a portrait of scikit-image's").astronaut()
    folder = tmp_path_factory.mktemp("portrait")
    write_image(folder / "face.png", face)
    result = CliRunner().invoke(app, ["annotate", str(folder / "face.png"), "-o", str(folder / "face.json")])
    assert result.exit_code == 0, result.output
    return folder / "face.png", folder / "face.json", load_keypoints(folder / "face.json").keypoints[0]


def test_a_portrait_speaks(page, model, portrait):
    picture, file, reference = portrait
    page.find("portrait").send_keys(str(picture))
    page.says("kp-io annotate")  # this server finds no faces
    page.find("keypoints").send_keys(str(file))
    page.says("portrait is ready")
    still = page.picture("warped")
    assert len(still) > 50_000  # a photograph, not an empty canvas
    page.find("speech").send_keys(str(SPEECH))
    page.find("speak").click()
    page.until(lambda: page.recording()["ended"], "the end")
    result = page.recording()
    assert np.abs(drawn(result) - expected(model, heard(result), reference)).max() < 1e-3
    page.until(lambda: page.picture("warped") != still, "a portrait that moves")
    if picture := os.environ.get("A2K_PICTURE"):  # that of docs/browser.md
        page.driver.save_screenshot(picture)


def test_wrong_files(page, tmp_path):
    (tmp_path / "letter.wav").write_bytes(b"Dear Sir or Madam, this is no sound.")
    page.find("speech").send_keys(str(tmp_path / "letter.wav"))
    page.find("speak").click()
    page.says("expected a sound file")
    page.find("speech").send_keys(str(SPEECH))
    page.find("speak").click()
    page.until(lambda: page.recording()["ended"], "the end")


def test_every_control_has_a_name_and_fits(page):
    for width in (390, 1280):
        size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        assert page.driver.execute_script("return document.documentElement.scrollWidth") <= width
        for element in page.driver.find_elements("css selector", "input, button, canvas:not([hidden])"):
            box = element.rect
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert element.accessible_name
        outside = "[...document.querySelectorAll('input, button')].filter((e) => e.closest('fieldset, section')"
        outside += ".getBoundingClientRect().right < e.getBoundingClientRect().right).map((e) => e.id)"
        assert page.driver.execute_script(f"return {outside}") == []
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
