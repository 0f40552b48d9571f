"""The page of examples/browser in a real browser with a fake microphone: `nox -s browser`."""

import numpy as np
import pytest
from live_page import (
    NEEDS_BROWSER,
    SPEECH,
    chromium_that_hears,
    drawn,
    expected,
    heard,
    opened,
    portrait_with_keypoints,
    served,
)

from a2k_nets.residual.model import Audio2Keypoint
from kp_io.media.audio import read_audio

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def address():
    with served() as address:
        yield address


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with chromium_that_hears(tmp_path_factory.mktemp("sound")) as driver:
        yield driver


@pytest.fixture
def page(address, chromium):
    with opened(chromium, address) as page:
        yield page


@pytest.fixture(scope="module")
def model():
    return Audio2Keypoint.from_pretrained().in_the_plane().eval()  # as the page does


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
    assert button.text == "Stop the microphone"
    page.until(lambda: len(page.recording()["frames"]) >= 75, "three seconds of frames")
    assert page.find("latency").text.endswith("ms")
    button.send_keys(Keys.SPACE)
    page.until(lambda: page.recording()["ended"], "the end")
    assert button.text == "Use the microphone"
    result = page.recording()
    assert heard(result).abs().max() > 0.05  # the fake microphone speaks
    keypoints = expected(model, heard(result))
    assert drawn(result).shape == keypoints.shape
    assert np.abs(drawn(result) - keypoints).max() < 1e-3


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    return portrait_with_keypoints(tmp_path_factory.mktemp("portrait"))


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
    near = page.picture("warped")
    page.find("whole").click()
    page.until(lambda: page.picture("warped") != near, "the whole portrait")
    assert page.find("warped").get_attribute("width") == "512"


def test_a_file_is_stopped(page):
    page.find("speech").send_keys(str(SPEECH))
    page.find("speak").click()
    page.until(lambda: page.find("speak").text == "Stop", "a way to stop")
    page.find("speak").click()
    page.until(lambda: page.find("speak").text == "Speak the file", "the end")
    # It is over before the recording is.
    still = page.picture("face")
    page.find("speak").click()
    page.until(lambda: page.picture("face") != still, "a face that moves again")


def test_wrong_files(page, tmp_path):
    (tmp_path / "letter.wav").write_bytes(b"Dear Sir or Madam, this is no sound.")
    page.find("speech").send_keys(str(tmp_path / "letter.wav"))
    page.find("speak").click()
    page.says("expected a sound file")
    page.find("speech").send_keys(str(SPEECH))
    page.find("speak").click()
    # The message of before stays until the page has heard the click.
    page.until(lambda: not page.driver.find_elements("css selector", "#status.error"), "another try", errors=True)
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
