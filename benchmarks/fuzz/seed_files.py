"""Good files of every kind that the packages read, made by the packages themselves: what the fuzzer damages."""

import json
import math
import shutil
from fractions import Fraction
from pathlib import Path

__all__ = ["make_seed_files"]

_FRAMES = 50
_SIZE = 128
_VIDEOS = {".mp4": ("libx264", "aac"), ".mkv": ("libx264", "pcm_s16le"), ".avi": ("mpeg4", "libmp3lame")}
_VIDEOS |= {".ts": ("libx264", "aac"), ".webm": ("libvpx-vp9", "libopus"), ".mov": ("mjpeg", "pcm_s16le")}
_SOUNDS = {".wav": "pcm_s16le", ".flac": "flac", ".mp3": "libmp3lame", ".m4a": "aac", ".ogg": "libopus"}


def make_seed_files(folder: Path, *, models: bool = True) -> None:
    """Write good files of every kind into a folder, which may be there; those of trainings only with `models`."""
    if (folder / "done").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pictures = _images(folder)
    _media(folder, pictures)
    _keypoints(folder)
    _tables(folder)
    _corpus(folder)
    if models:
        _models(folder)
    (folder / "done").touch()


def _images(folder: Path):
    import numpy as np
    import skimage.data
    from PIL import Image

    # The astronaut's head, as small as a detector still finds it.
    face = Image.fromarray(skimage.data.astronaut()).crop((120, 0, 360, 240)).resize((_SIZE, _SIZE))
    for suffix in ("png", "jpg", "webp", "bmp", "tif", "gif", "ppm"):
        face.save(folder / f"face.{suffix}")
    face.convert("RGBA").save(folder / "clear.png")
    face.convert("CMYK").save(folder / "cmyk.jpg")
    face.convert("P").save(folder / "palette.png")
    Image.fromarray(np.asarray(face.convert("L"), np.uint16) * 257).save(folder / "grey16.png")
    still = np.asarray(face)
    return [np.roll(still, i % 5, axis=1) for i in range(_FRAMES)]


def _voice():
    import torch

    time = torch.arange(_FRAMES * 640) / 16_000
    hum = sum(torch.sin(2 * math.pi * 120 * k * time) / k for k in range(1, 12))
    return 0.2 * hum * torch.sin(2 * math.pi * 2 * time).clamp(min=0)


def _media(folder: Path, pictures) -> None:
    import av

    from kp_io import write_audio

    sound = _voice().numpy()[None]
    for suffix, codecs in {**_VIDEOS, **{s: (None, c) for s, c in _SOUNDS.items()}}.items():
        with av.open(str(folder / f"talk{suffix}"), "w") as file:
            video = None
            if codecs[0]:
                video = file.add_stream(codecs[0], rate=25)
                video.width = video.height = _SIZE
                video.pix_fmt = "yuvj420p" if codecs[0] == "mjpeg" else "yuv420p"
            rate = 48_000 if codecs[1] == "libopus" else 16_000
            audio = file.add_stream(codecs[1], rate=rate, layout="mono")
            resampler = av.AudioResampler(audio.format, "mono", rate, frame_size=audio.frame_size or 0)
            frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = 16_000, Fraction(1, 16_000), 0
            for picture in pictures if video else ():
                file.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            if video:
                file.mux(video.encode(None))
            for piece in (*resampler.resample(frame), *resampler.resample(None)):
                file.mux(audio.encode(piece))
            file.mux(audio.encode(None))
    write_audio(folder / "written.wav", _voice())
    pcm = (_voice() * 32767).short().numpy().tobytes()
    (folder / "voice.pcm").write_bytes(pcm)


def _keypoints(folder: Path) -> None:
    import torch

    from kp_io import KeypointSequence, annotate_image, save_keypoints

    still = annotate_image(folder / "face.png")
    time = torch.arange(_FRAMES)[:, None, None]
    chance, sway = torch.Generator().manual_seed(0), [torch.zeros(2)]
    for _ in range(_FRAMES - 1):  # a head that sways and comes back, which training asks for
        sway.append(0.8 * sway[-1] + torch.randn(2, generator=chance))
    moving = still.keypoints + torch.stack(sway)[:, None] + 0.2 * torch.randn(_FRAMES, 68, 2, generator=chance)
    moving[:, 55:60, 1] += 2 * torch.sin(time[..., 0] / 2).abs()
    scores = torch.ones(_FRAMES, 68)
    scores[4:6] = 0
    flat = KeypointSequence(moving, scores, image_size=(_SIZE, _SIZE), detector="dlib")
    depth = KeypointSequence(torch.cat((moving, 0 * moving[..., :1]), 2), scores, image_size=(_SIZE, _SIZE))
    for suffix in (".npz", ".csv", ".openface.csv", ".json", ".frames.json", ".pts"):
        save_keypoints(folder / f"points{suffix}", flat if suffix != ".pts" else flat.frames(0, 1))
    for suffix in (".npz", ".csv", ".frames.json"):
        save_keypoints(folder / f"depth{suffix}", depth)
    results = [
        {"image_id": i, "category_id": 1, "score": 0.9, "keypoints": [v for x, y in points for v in (x, y, 1.0)]}
        for i, points in enumerate(moving[:5].tolist())
    ]
    (folder / "results.json").write_text(json.dumps(results))
    truth = [{**r, "id": i, "area": 900.0, "bbox": [0, 0, 30, 30], "iscrowd": 0} for i, r in enumerate(results)]
    (folder / "truth.json").write_text(json.dumps({"annotations": truth, "images": [], "categories": []}))


def _tables(folder: Path) -> None:
    """A folder of clips as `kp-io annotate --wav` leaves it, and tables of speakers."""
    clips = folder / "clips"
    clips.mkdir()
    rows = [f"clip{i},speaker{i},{'train' if i < 4 else 'val'}" for i in range(6)]
    (clips / "manifest.csv").write_text("\n".join(("id,speaker,split", *rows)) + "\n")
    for i in range(6):
        shutil.copy(folder / "points.npz", clips / f"clip{i}.npz")
        shutil.copy(folder / "written.wav", clips / f"clip{i}.wav")
    (folder / "speakers.csv").write_text(
        "file,speaker,split,licence\na/talk.mp4,ada,train,CC0\nb/talk.mp4,bob,val,CC0\nb/broken.mp4,bob,val,CC0\n"
    )


def _corpus(folder: Path) -> None:
    from kp_io import ClipRules, CorpusOptions, build_corpus
    from kp_io.detectors.registry import DetectorChoice

    for name in ("a", "b"):
        (folder / "videos" / name).mkdir(parents=True)
        shutil.copy(folder / "talk.mp4", folder / "videos" / name / "talk.mp4")
    (folder / "videos" / "b" / "broken.mp4").write_text("no video")
    options = CorpusOptions(ClipRules(min_seconds=0.0), speaker_pattern="(?P<speaker>[ab])/", val=0.5, test=0)
    build_corpus(
        folder / "videos", folder / "corpus", options=options, make_detector=DetectorChoice("dlib", None, "cpu")
    )


def _models(folder: Path) -> None:
    from typer.testing import CliRunner

    from a2k_train.cli.app import app

    tiny = ["--set", "model.width=8", "--set", "model.dilations=[1,2]", "--set", "batch_size=2"]
    tiny += ["--set", "window_frames=16", "--set", "checkpoint_every=1", "--set", "ema_decay=0.5"]
    paper = ["--preset", "paper", "--set", "model.width=0.05", "--set", "model.levels=3", *tiny[4:8]]
    clips = str(folder / "clips")
    for arguments in (
        ["fit", clips, "--run", str(folder / "run"), "--steps", "1", *tiny],
        ["fit", clips, "--run", str(folder / "paper"), "--steps", "1", *paper],
        ["crossval", clips, "--run", str(folder / "crossval"), "--steps", "1", "--folds", "2", *tiny],
    ):
        done = CliRunner().invoke(app, arguments)
        if done.exit_code:
            raise RuntimeError(
                f"expected a2k-train {arguments[0]} to work on good files: {done.output}"
            ) from done.exception
