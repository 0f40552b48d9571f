"""Every function of the packages that reads a file."""

from pathlib import Path

from targets import Case, Target

__all__ = ["AUDIO", "IMAGES", "KEYPOINTS", "READERS", "VIDEOS"]

IMAGES = ("*.png", "*.jpg", "*.webp", "*.bmp", "*.tif", "*.gif", "*.ppm")
VIDEOS = ("*.mp4", "*.mkv", "*.avi", "*.ts", "*.webm", "*.mov")
AUDIO = ("*.wav", "*.flac", "*.mp3", "*.m4a", "*.ogg")
KEYPOINTS = ("points.*", "depth.*")

#: Files of a corpus and of runs, with the folder that they belong to.
_CORPUS = ("corpus/data/*.parquet", "corpus/corpus.json")


def _image(case: Case) -> None:
    from kp_io import read_image

    read_image(case.bad)


def _audio(case: Case) -> None:
    from kp_io import read_audio

    read_audio(case.bad, sample_rate=16_000)


def _video(case: Case) -> None:
    from kp_io import probe_video, read_video

    probe_video(case.bad)
    for _ in read_video(case.bad, fps=25.0):
        pass


def _flac(case: Case) -> None:
    from kp_io.media.audio import decode_flac

    decode_flac(case.bad.read_bytes())


def _keypoints(case: Case) -> None:
    from kp_io import load_keypoints

    load_keypoints(case.bad, image_size=(128, 128))


def _manifest(case: Case) -> None:
    from kp_io.corpus.speakers import read_manifest

    read_manifest(case.bad)


def _seed_place(case: Case, pattern: str) -> str:
    """Return the place of the good file that was damaged: by its suffix, the only one of that kind."""
    return str(
        next((case.seeds / pattern.split("/")[0]).glob(pattern.split("/", 1)[1])).relative_to(
            case.seeds / pattern.split("/")[0]
        )
    )


def _shards(case: Case) -> None:
    from kp_io import read_clips, read_speakers

    place = _seed_place(case, "corpus/data/train-*.parquet")
    folder = case.folder_with("corpus", place)
    read_speakers(folder)
    for _ in read_clips(folder, split="train"):
        pass


def _metrics(case: Case) -> None:
    from kp_metrics import read_keypoints

    read_keypoints(case.bad)


def _model(case: Case) -> None:
    from a2k_nets.pretrained import load_model

    load_model(case.bad)


def _pcm(case: Case) -> None:
    from a2k_nets.inference.pcm_source import open_pcm

    with case.bad.open("rb") as file:
        for _ in open_pcm(file, rate=16_000).chunks:
            pass


def _config(case: Case) -> None:
    from a2k_train.config.toml_file import read_config

    read_config(case.bad)


def _clips(folder: Path) -> None:
    from a2k_train.data.open_clips import open_clips

    open_clips(folder, splits=("train", "val"))


def _clips_table(case: Case) -> None:
    _clips(case.folder_with("clips", "manifest.csv"))


def _clips_folder(case: Case) -> None:
    _clips(case.folder_with("clips", f"clip2{'.wav' if case.bad.suffix != '.npz' else '.npz'}"))


def _clips_corpus(case: Case) -> None:
    _clips(case.folder_with("corpus", _seed_place(case, "corpus/data/train-*.parquet")))


def _state(case: Case) -> None:
    from a2k_train.experiments.publish import publish

    publish(case.folder_with("run", "state.safetensors"), case.out / "published")


def _statistics(case: Case) -> None:
    from a2k_train.statistics.faces import read_face_statistics

    read_face_statistics(case.bad)


def _listeners(case: Case) -> None:
    from a2k_train.data.open_clips import open_clips
    from a2k_train.experiments.held_out_models import load_held_out_models

    run = case.folder_with("crossval", "clips.csv")
    load_held_out_models(run, open_clips(case.seeds / "clips", splits=("train", "val")))


READERS = (
    Target("kp_io.read_image", IMAGES, _image, weight=3),
    Target("kp_io.read_audio", (*AUDIO, "talk.mp4", "talk.mkv"), _audio, weight=3),
    Target("kp_io.read_video", (*VIDEOS, "*.gif"), _video, weight=3),
    Target("kp_io.media.audio.decode_flac", ("*.flac",), _flac),
    Target("kp_io.load_keypoints", KEYPOINTS, _keypoints, weight=5),
    Target("kp_io.corpus.speakers.read_manifest", ("speakers.csv",), _manifest),
    Target("kp_io.read_clips, read_speakers", ("corpus/data/train*.parquet",), _shards, weight=2),
    Target("kp_metrics.read_keypoints", ("points.npz", "points.csv", "*s.json", "truth.json"), _metrics, weight=4),
    Target("a2k_nets.load_model", ("run/model.safetensors", "paper/model.safetensors"), _model, weight=3),
    Target("a2k_nets.open_pcm", ("*.wav", "*.pcm"), _pcm, weight=2),
    Target("a2k_train.read_config", ("run/config.toml", "paper/config.toml"), _config, weight=3),
    Target("a2k_train.data.open_clips, table", ("clips/manifest.csv",), _clips_table),
    Target("a2k_train.data.open_clips, clip", ("points.npz", "written.wav"), _clips_folder),
    Target("a2k_train.data.open_clips, shard", ("corpus/data/train*.parquet",), _clips_corpus, weight=2),
    Target("a2k_train.experiments.publish, state", ("run/state.safetensors",), _state, weight=2),
    Target("a2k_train.read_face_statistics", ("corpus/statistics.json",), _statistics),
    Target("a2k_train.load_listeners", ("crossval/clips.csv",), _listeners),
)
