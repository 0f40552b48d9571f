"""The page of examples/browser in a real browser, for the tests."""

import time
import wave
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from headless_chromium import PATIENCE_SECONDS, check_requests, needs_browser, running_chromium

from a2k_nets.inference.streaming import StreamingGenerator
from kp_io.media.audio import read_audio

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "examples" / "browser"
SPEECH = ROOT / "examples" / "assets" / "sense_and_sensibility_0870.wav"
NEEDS_BROWSER = needs_browser("browser", **{"examples/browser/vendor": (PAGE / "vendor" / "model.onnx").is_file()})


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served():
    """Serve the page as `python -m http.server` does; yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(PAGE)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def chromium_that_hears(folder: Path):
    """Run a browser whose microphone plays a recording, and which can reach this machine alone."""
    spoken = folder / "spoken.wav"
    with wave.open(str(spoken), "wb") as sound:  # the fake microphone reads 16-bit PCM only
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes((read_audio(SPEECH) * 32_767).round().to(torch.int16).numpy().tobytes())
    with running_chromium(
        "window-size=1280,900",
        "use-fake-device-for-media-stream",
        "use-fake-ui-for-media-stream",
        f"use-file-for-fake-audio-capture={spoken}",
        "use-gl=angle",
        "use-angle=swiftshader",
        "enable-unsafe-swiftshader",
    ) as driver:
        yield driver


@contextmanager
def opened(chromium, address):
    """Load the page; in the end it must have asked nobody but its own server for anything."""
    chromium.get_log("performance")
    chromium.get_log("browser")
    chromium.get(address)
    page = Page(chromium)
    page.says("Ready")
    yield page
    check_requests(chromium, address, more_than=5)
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


def expected(model, samples, reference=None, **options):
    if reference is None:
        reference = model.normalizer.mean_face_px
    stream = StreamingGenerator(reference, model, **options)
    return torch.cat([stream.push(samples), stream.flush()]).numpy()


def drawn(recording):
    return np.array(recording["frames"]).reshape(len(recording["frames"]), -1, 2)


def heard(recording):
    return torch.tensor(recording["samples"], dtype=torch.float32)


def portrait_with_keypoints(folder):
    """Return a portrait, its keypoints in a file of `kp-io annotate`, and as an array."""
    from typer.testing import CliRunner

    from kp_io import write_image
    from kp_io.cli.app import app
    from kp_io.formats.registry import load_keypoints

    pytest.importorskip("dlib", reason="needs the extra kp-io[dlib]")
    face = pytest.importorskip("skimage.data", reason="a portrait of scikit-image's").astronaut()
    write_image(folder / "face.png", face)
    result = CliRunner().invoke(app, ["annotate", str(folder / "face.png"), "-o", str(folder / "face.json")])
    assert result.exit_code == 0, result.output
    return folder / "face.png", folder / "face.json", load_keypoints(folder / "face.json").keypoints[0]
