"""What a frame costs in the page of examples/browser, against `StreamingGenerator` in PyTorch.

    python examples/browser/prepare.py
    python benchmarks/browser_speed.py --out benchmarks/results/browser.json
    python benchmarks/report.py    # the table of docs/browser.md and docs/internals/performance.md

In turn, headless Chromium and Python take the same speech, one thread each; a round's value is the mean over its
frames, and the first round of each is not counted. The page's is its own: the time of one call of the network in its
worker. Then its microphone plays the speech for some seconds, and the page's time from sound to frame is read again
and again. It needs Chromium, chromedriver and selenium.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from common.run_metadata import describe_run

from a2k_nets import Audio2Keypoint, StreamingGenerator
from kp_io import read_audio
from kp_io.filesystem import atomic_path

sys.path.insert(0, str(Path(__file__).parents[1] / "packages" / "a2k-nets" / "tests"))

from live_page import SPEECH, chromium_that_hears, opened, served

#: Samples of a piece of 40 ms.
_PIECE = 640


def page_round(page: Any) -> float:
    """Let the page speak the recording; return milliseconds a frame."""
    page.driver.refresh()
    page.says("Ready")
    page.find("speech").send_keys(str(SPEECH))
    page.find("speak").click()
    page.until(lambda: page.recording()["ended"], "the end")
    return float(page.recording()["ms"])


@torch.no_grad()
def python_round(model: Audio2Keypoint) -> float:
    """Generate from the recording in pieces; return milliseconds a frame."""
    samples = read_audio(SPEECH)
    stream = StreamingGenerator(model.normalizer.mean_face_px, model)
    begin, num_frames = time.perf_counter(), 0
    for piece in samples.split(_PIECE):
        num_frames += len(stream.push(piece))
    num_frames += len(stream.flush())
    return 1e3 * (time.perf_counter() - begin) / num_frames


def microphone_looks(page: Any, seconds: float) -> list[int]:
    """Use the microphone; return what the page says of its delay, ten times a second."""
    page.driver.refresh()
    page.says("Ready")
    page.find("microphone").click()
    page.until(lambda: len(page.recording()["frames"]) > 25, "a second of frames")
    looks, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        looks.append(int(page.find("latency").text.split()[0]))
        time.sleep(0.1)
    page.find("microphone").click()
    page.until(lambda: page.recording()["ended"], "the end")
    return looks


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that count.")] = 7,
    seconds: Annotated[float, typer.Option(min=0.5, help="Time with the microphone.")] = 5.0,
    out: Annotated[Path | None, typer.Option(help="JSON file for the results.")] = None,
) -> None:
    """Measure, print and write."""
    torch.set_num_threads(1)
    run = describe_run(torch.device("cpu"))
    model = Audio2Keypoint.from_pretrained().in_the_plane().eval()  # as in the page
    in_page, in_python = [], []
    with tempfile.TemporaryDirectory() as folder, chromium_that_hears(Path(folder)) as chromium, served() as address:
        with opened(chromium, address) as page:
            for _ in range(rounds + 1):
                in_page.append(page_round(page))
                in_python.append(python_round(model))
            looks = microphone_looks(page, seconds)
        browser = f"Chromium {chromium.capabilities['browserVersion'].partition('.')[0]}"
    result = {
        "machine_info": run,
        "browser": browser,
        "page_ms": in_page[1:],
        "python_ms": in_python[1:],
        "microphone_ms": looks,
    }
    text = json.dumps(result, indent=1)
    typer.echo(text)
    if out is not None:
        with atomic_path(out) as path:
            path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
