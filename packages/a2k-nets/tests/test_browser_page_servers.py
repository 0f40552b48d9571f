"""The page of examples/browser as `a2k serve` and `a2k web` show it, in a real browser: `nox -s browser`."""

import re
from importlib.util import find_spec

import numpy as np
import pytest
from live_page import (
    NEEDS_BROWSER,
    PAGE,
    SPEECH,
    chromium_that_hears,
    drawn,
    expected,
    heard,
    opened,
    portrait_with_keypoints,
)
from serve_process import serving, web

from a2k_nets.residual.model import Audio2Keypoint

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with chromium_that_hears(tmp_path_factory.mktemp("sound")) as driver:
        yield driver


@pytest.fixture(scope="module")
def model():
    return Audio2Keypoint.from_pretrained().in_the_plane().eval()  # as the page does


def speak(page):
    """Speak the recording to the end; return what was heard and drawn."""
    page.find("speech").send_keys(str(SPEECH))
    page.find("speak").click()
    page.until(lambda: page.recording()["ended"], "the end")
    return page.recording()


def test_the_server_finds_the_face_of_a_portrait(chromium, model, tmp_path):
    picture, _, reference = portrait_with_keypoints(tmp_path)
    (tmp_path / "letter.png").write_text("Dear Sir or Madam, this is no picture.", encoding="utf-8")
    (tmp_path / "serve").mkdir()
    with (
        serving(tmp_path / "serve", "--page", str(PAGE)) as (address, _),
        opened(chromium, re.sub(r"^ws(.*)/v1/stream", r"http\1/", address)) as page,
    ):
        page.find("portrait").send_keys(str(picture))
        page.says("portrait is ready")  # without a file of keypoints
        result = speak(page)
        # The server rounds the face to three decimals.
        assert np.abs(drawn(result) - expected(model, heard(result), reference)).max() < 1e-2
        page.find("portrait").send_keys(str(tmp_path / "letter.png"))
        page.until(lambda: page.driver.find_elements("css selector", "#status.error"), "an error", errors=True)


@pytest.mark.skipif(find_spec("gradio") is None, reason="needs the extra a2k-nets[web]")
def test_the_page_beside_a2k_web(chromium, model, tmp_path):
    with web(tmp_path, "--page", str(PAGE)) as address:
        chromium.get(address)
        assert chromium.current_url == address
        with opened(chromium, address + "live/") as page:
            result = speak(page)
            assert np.abs(drawn(result) - expected(model, heard(result))).max() < 1e-3
            # The policy of `a2k web` stops nothing that the page needs.
            assert not [line for line in page.driver.get_log("browser") if "Content Security" in line["message"]]
