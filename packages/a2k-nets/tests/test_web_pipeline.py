"""The web page's pure part: from inputs to files, and what it refuses."""

import inspect
import wave
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

from a2k_nets.extras import has_kp_render
from a2k_nets.inference.generate import generate_sequence
from a2k_nets.web.limits import Limits, check_picture, check_sound
from a2k_nets.web.pipeline import DOWNLOADS, Request, Result, process
from a2k_nets.web.ui_text import GAINS, explain
from kp_io.formats.registry import load_keypoints
from kp_io.media.audio import write_audio
from kp_io.media.image import read_image
from kp_io.media.video_reader import probe_video
from kp_metrics import mouth_opening

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def portrait(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "face.png"
    Image.fromarray(astronaut()).save(path)
    return path


@pytest.fixture
def reading(tmp_path, speech) -> Path:
    """0.4 s of sound."""
    write_audio(tmp_path / "speech.wav", speech[:6_400], sample_rate=16_000)
    return tmp_path / "speech.wav"


@pytest.fixture
def ask(tmp_path, model):
    """Process a request with a small network, into a folder of its own."""

    def run(request: Request, **options) -> list[Result]:
        folder = tmp_path / "results"
        folder.mkdir(exist_ok=True)
        return list(process(request, folder, model=model, **options))

    return run


@pytest.fixture
def refuses(ask, tmp_path):
    """Return what a visitor is told of a request that is refused, having checked that nothing was made."""

    def run(request: Request, **limits) -> str:
        with pytest.raises((ValueError, ImportError)) as refused:
            ask(request, limits=Limits(**limits))
        told = explain(refused.value, request)
        assert str(tmp_path) not in told
        assert not {path.name for path in (tmp_path / "results").iterdir()} & set(DOWNLOADS)
        return told

    return run


class TestWhatComesOut:
    def test_step_by_step(self, ask, portrait, reading):
        told = []
        answers = ask(Request(portrait, reading), on_progress=lambda share, what: told.append((share, what.split()[0])))
        assert [(bool(got.chart), len(got.files), bool(got.summary)) for got in answers] == [
            (False, 0, False),
            (True, 3, False),
            (True, 5 if has_kp_render() else 4, True),
        ]
        assert read_image(answers[0].detected).shape[0] == 480
        assert [share for share, _ in told] == sorted(share for share, _ in told)
        assert [word for _, word in told] == ["Detecting", "Generating", *["Drawing"] * (20 if has_kp_render() else 10)]
        assert told[-1][0] == pytest.approx(1)

    def test_every_download_opens_again(self, ask, portrait, reading):
        files = ask(Request(portrait, reading))[-1].files
        first = load_keypoints(files["keypoints.npz"])
        assert (len(first), first.image_size) == (10, (512, 512))
        for suffix in (".csv", ".json"):
            torch.testing.assert_close(load_keypoints(files[f"keypoints{suffix}"]).keypoints, first.keypoints)
        video = probe_video(files["keypoints.mp4"])
        assert video.has_audio
        assert video.num_frames(25.0) == 10

    def test_the_chart_is_that_of_the_keypoints(self, ask, portrait, reading):
        got = ask(Request(portrait, reading))[-1]
        drawn = ElementTree.fromstring(got.chart)
        (line,) = drawn.iter(f"{SVG}polyline")
        points = torch.tensor([[float(n) for n in pair.split(",")] for pair in line.get("points").split()])
        opening = mouth_opening(load_keypoints(got.files["keypoints.npz"]).keypoints, reduction="none")
        assert len(points) == len(opening)
        # y points down, so what is wider open is drawn with a smaller y.
        assert float(torch.corrcoef(torch.stack((-points[:, 1], opening)))[0, 1]) == pytest.approx(1, abs=1e-2)
        assert bool((points[:, 0].diff() > 0).all())

    def test_gains_and_seed(self, ask, portrait, reading):
        def points(**options):
            return load_keypoints(ask(Request(portrait, reading, **options))[-1].files["keypoints.npz"]).keypoints

        first = points()
        assert torch.equal(points(), first)
        assert not torch.allclose(points(seed=1), first, atol=0.1)
        for option in ("head_motion", "expression"):
            assert not torch.allclose(points(gains={option: 0.0}), first, atol=1e-3), option

    def test_sliders_begin_where_the_model_does(self):
        options = inspect.signature(generate_sequence).parameters
        assert [options[gain.option].default for gain in GAINS] == [1.0] * len(GAINS)
        assert all(gain.maximum >= 1 for gain in GAINS)

    def test_text(self, ask, portrait):
        pytest.importorskip("espeakng_loader", reason="speech from text needs the extra tts")
        got = ask(Request(portrait, text="Good morning."))[-1]
        assert 10 < len(load_keypoints(got.files["keypoints.npz"])) < 75


class TestWhatIsRefused:
    def test_nothing(self, refuses, portrait, reading):
        assert "portrait is missing" in refuses(Request(None, reading))
        assert "Speech is missing" in refuses(Request(portrait))
        assert "Speech is missing" in refuses(Request(portrait, text=" \n"))

    def test_no_face(self, refuses, reading, tmp_path):
        Image.fromarray(np.full((256, 256, 3), 90, np.uint8)).save(tmp_path / "wall.png")
        assert "face" in refuses(Request(tmp_path / "wall.png", reading))

    @pytest.mark.parametrize("content", [b"", b"a letter", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>"])
    def test_no_picture(self, refuses, reading, tmp_path, content):
        (tmp_path / "face.png").write_bytes(content)
        told = refuses(Request(tmp_path / "face.png", reading))
        assert told.startswith("Expected a picture (PNG, JPEG, ")
        assert "face.png" in told

    def test_a_broken_picture(self, refuses, reading, portrait, tmp_path):
        (tmp_path / "face.png").write_bytes(portrait.read_bytes()[:2_000])
        assert "face.png" in refuses(Request(tmp_path / "face.png", reading))

    @pytest.mark.parametrize(
        "content", [b"", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n/etc/passwd\n", b"ffconcat version 1.0\nfile a.wav\n"]
    )
    def test_no_sound(self, refuses, portrait, tmp_path, content):
        # Lists of other files among them, which a decoder would open.
        (tmp_path / "talk.wav").write_bytes(content)
        told = refuses(Request(portrait, tmp_path / "talk.wav"))
        assert told.startswith("Expected a sound file (WAV, MP3, ")
        assert "talk.wav" in told

    def test_a_picture_as_sound_and_the_other_way_round(self, refuses, portrait, reading):
        assert "sound file" in refuses(Request(portrait, portrait))
        assert "picture" in refuses(Request(reading, reading))

    def test_too_many_bytes(self, refuses, portrait, reading):
        assert "0.1 MB" in refuses(Request(portrait, reading), picture_megabytes=0.1)
        assert "0.01 MB" in refuses(Request(portrait, reading), sound_megabytes=0.01)

    def test_too_many_pixels(self, refuses, portrait, reading):
        assert "512×512" in refuses(Request(portrait, reading), picture_megapixels=0.1)

    def test_too_many_seconds(self, refuses, portrait, reading):
        assert "0.3 s" in refuses(Request(portrait, reading), seconds=0.3)

    def test_more_seconds_than_the_header_tells(self, refuses, portrait, tmp_path):
        path = tmp_path / "long.wav"
        with wave.open(str(path), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8_000)
            sound.writeframes(bytes(16_000 * 3))
        data = bytearray(path.read_bytes())
        data[40:44] = (0).to_bytes(4, "little")  # as written by programs that never came to an end
        path.write_bytes(bytes(data))
        assert "1 s" in refuses(Request(portrait, path), seconds=1)

    def test_too_long_a_text(self, refuses, portrait):
        assert "at most 5 characters" in refuses(Request(portrait, text="Good morning."), characters=5)

    def test_a_file_that_was_removed(self, refuses, portrait, tmp_path):
        assert "choose it again" in refuses(Request(portrait, tmp_path / "gone.wav"))

    def test_what_we_did_not_expect(self, caplog):
        assert "log" in explain(KeyError("x"), Request(None))
        assert "KeyError" in caplog.text


class TestKinds:
    @pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "gif", "bmp", "tiff"])
    def test_pictures(self, tmp_path, kind):
        Image.fromarray(astronaut()).save(tmp_path / f"face.{kind}")
        check_picture(tmp_path / f"face.{kind}", Limits())

    @pytest.mark.parametrize("container", ["wav", "mp3", "flac", "ogg", "mp4", "webm", "aiff", "adts"])
    def test_sounds(self, tmp_path, container):
        import av

        codec = {"wav": "pcm_s16le", "mp3": "mp3", "flac": "flac", "ogg": "libopus", "webm": "libopus"}
        path = tmp_path / f"talk.{container}"
        with av.open(str(path), "w", format=container) as file:
            stream = file.add_stream(codec.get(container, "pcm_s16be" if container == "aiff" else "aac"), rate=48_000)
            stream.layout = "mono"
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 9_600), np.int16), format="s16", layout="mono")
            frame.sample_rate = 48_000
            for resampled in av.AudioResampler(stream.format.name, "mono", 48_000).resample(frame):
                file.mux(stream.encode(resampled))
            file.mux(stream.encode(None))
        check_sound(path, Limits())


def test_megapixels_are_counted_before_the_picture_is_decoded(tmp_path, model, monkeypatch):
    from PIL import Image

    Image.new("1", (9000, 9000)).save(tmp_path / "bomb.png")  # a few kB, and 243 MB of pixels
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("the picture was decoded"))
    with pytest.raises(ValueError, match="9000×9000"):
        next(process(Request(tmp_path / "bomb.png"), tmp_path, model=model))


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device", "/tmp/a2k-web-x1/result-y2/keypoints.mp4"),
        PermissionError("cannot write /srv/secret folder/a2k/keypoints.npz: Permission denied"),
        FileNotFoundError(2, "No such file or directory", "C:\\\\Users\\\\anna\\\\a.npz"),
        ValueError("expected an image, got /tmp/a2k-web-x1/result-y2/found.png: broken"),
        RuntimeError("cannot open '/srv/secret/a2k/found.png'"),
    ],
)
def test_no_error_shows_a_path_of_the_server(error):
    told = explain(error, Request(None))
    for word in ("/", "\\", "secret", "anna", "a2k-web", "result-y2"):
        assert word not in told.replace("read or write", "")
    assert told
