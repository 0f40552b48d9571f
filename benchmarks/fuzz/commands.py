"""Every command that takes files, with a damaged one in each place where it takes one."""

from collections.abc import Callable

from readers import AUDIO, IMAGES, KEYPOINTS, VIDEOS
from targets import Case, Target

__all__ = ["COMMANDS"]

_SIZE = ("--size", "128x128")


def _with(*words: str) -> Callable[[Case], list[str]]:
    """Return arguments in which BAD is the damaged file, OUT/x a file to write and GOOD/x a good file."""

    def arguments(case: Case) -> list[str]:
        places = {"BAD": case.bad, "OUT": case.out, "GOOD": case.seeds}
        parts = [word.partition("/") for word in words]
        return [
            str(places[head] / rest if rest else places[head]) if head in places else head + slash + rest
            for head, slash, rest in parts
        ]

    return arguments


def _inside(folder: str, place: str, *words: str) -> Callable[[Case], list[str]]:
    """The same, with FOLDER a copy of a folder of good files with the damaged one in it."""

    def arguments(case: Case) -> list[str]:
        copy = str(case.folder_with(folder, place))
        return [copy if word == "FOLDER" else word for word in _with(*words)(case)]

    return arguments


def _kp_io(name: str, seeds: tuple[str, ...], arguments: Callable[[Case], list[str]], **more) -> Target:
    return Target(f"kp-io {name}", seeds, arguments, program="kp_io", **more)


def _a2k(name: str, seeds: tuple[str, ...], arguments: Callable[[Case], list[str]], **more) -> Target:
    return Target(f"a2k {name}", seeds, arguments, program="a2k_nets", **more)


def _train(name: str, seeds: tuple[str, ...], arguments: Callable[[Case], list[str]], **more) -> Target:
    return Target(
        f"a2k-train {name}", seeds, arguments, program="a2k_train", **{"weight": 0.5, "seconds": 60.0, **more}
    )


_MODEL = ("--weights", "GOOD/run/model.safetensors")
_MEDIA = (*IMAGES, *VIDEOS)
_BUILD = ("--min-seconds", "0", "--val", "0", "--test", "0", "--speaker-pattern", "(?P<speaker>[ab])/")
_WEIGHTS = ("run/model.safetensors", "paper/model.safetensors")
_RUN = ("--config", "GOOD/run/config.toml", "--steps", "1")

# An empty file of settings is a good one: the paper's network at its full size, for days.
_SMALL = ("--set", "model.width=0.05", "--set", "model.levels=3", "--set", "steps=1", "--set", "batch_size=2")

COMMANDS = (
    _kp_io("annotate", _MEDIA, _with("annotate", "BAD", "-o", "OUT/c.npz"), weight=2),
    _kp_io("annotate --wav", VIDEOS, _with("annotate", "BAD", "-o", "OUT/c.npz", "--wav", "--smooth", "one-euro")),
    _kp_io(
        "annotate --detector precomputed",
        KEYPOINTS,
        _with("annotate", "GOOD/talk.mp4", "-o", "OUT/c.npz", "--detector", "precomputed", "--weights", "BAD"),
    ),
    _kp_io("info", KEYPOINTS, _with("info", "BAD", "--json"), weight=2),
    _kp_io("info, table", KEYPOINTS, _with("info", "BAD")),
    _kp_io("convert .csv", KEYPOINTS, _with("convert", "BAD", "OUT/c.csv", *_SIZE), weight=2),
    _kp_io("convert .json --fps", KEYPOINTS, _with("convert", "BAD", "OUT/c.json", *_SIZE, "--fps", "30")),
    _kp_io("convert .pts --frame", KEYPOINTS, _with("convert", "BAD", "OUT/c.pts", *_SIZE, "--frame", "0")),
    _kp_io(
        "convert --image", ("truth.json", "points.json"), _with("convert", "BAD", "OUT/c.npz", "--image", "1", *_SIZE)
    ),
    _kp_io("render .png", KEYPOINTS, _with("render", "BAD", "-o", "OUT/c.png", "--height", "64")),
    _kp_io("render .mp4 --zoom", KEYPOINTS, _with("render", "BAD", "-o", "OUT/c.mp4", "--height", "64", "--zoom")),
    _kp_io(
        "render --audio",
        AUDIO,
        _with("render", "GOOD/points.npz", "-o", "OUT/c.mp4", "--height", "64", "--audio", "BAD"),
    ),
    _kp_io(
        "render --over",
        _MEDIA,
        _with("render", "GOOD/points.npz", "-o", "OUT/c.mp4", "--height", "64", "--over", "BAD"),
    ),
    _kp_io("compare-video", (*KEYPOINTS, *VIDEOS), _with("compare-video", "GOOD/points.npz", "BAD", "-o", "OUT/c.png")),
    _kp_io(
        "build, video",
        VIDEOS,
        _inside("videos", "a/talk.mp4", "build", "FOLDER", "OUT/corpus", *_BUILD),
        weight=0.3,
        seconds=60.0,
    ),
    _kp_io(
        "build --manifest",
        ("speakers.csv",),
        _with("build", "GOOD/videos", "OUT/corpus", "--manifest", "BAD"),
        weight=0.3,
        seconds=60.0,
    ),
    _kp_io(
        "build, settings",
        ("corpus/corpus.json",),
        _inside("corpus", "corpus.json", "build", "GOOD/videos", "FOLDER", *_BUILD[:2], "--val", "0.5", *_BUILD[4:]),
        weight=0.3,
        seconds=60.0,
        works_in_inputs=True,
    ),
    Target(
        "kp-metrics compare",
        ("points.npz", "points.csv", "results.json", "truth.json"),
        _with("compare", "BAD", "GOOD/points.npz", "--resamples", "20", "--out", "OUT/t.csv"),
        weight=2,
        program="kp_metrics",
    ),
    Target(
        "kp-metrics compare, COCO",
        ("results.json", "truth.json"),
        _with("compare", "BAD", "GOOD/truth.json", "--resamples", "20", "--json", "--metrics", "pck,nme,mpjpe"),
        program="kp_metrics",
    ),
    _a2k(
        "generate --image",
        (*IMAGES, *KEYPOINTS),
        _with("generate", "--image", "BAD", "--audio", "GOOD/written.wav", "-o", "OUT/c.npz", *_MODEL),
        weight=2,
    ),
    _a2k(
        "generate --audio",
        AUDIO,
        _with("generate", "--image", "GOOD/points.npz", "--audio", "BAD", "-o", "OUT/c.csv", *_MODEL),
        weight=2,
    ),
    _a2k(
        "generate --driving",
        KEYPOINTS,
        _with(
            "generate",
            "--image",
            "GOOD/points.npz",
            "--audio",
            "GOOD/written.wav",
            "--driving",
            "BAD",
            "-o",
            "OUT/c.npz",
            *_MODEL,
        ),
    ),
    _a2k(
        "generate --weights",
        _WEIGHTS,
        _with(
            "generate",
            "--image",
            "GOOD/points.npz",
            "--audio",
            "GOOD/written.wav",
            "-o",
            "OUT/c.npz",
            "--weights",
            "BAD",
        ),
        weight=2,
    ),
    _a2k(
        "stream, stdin",
        ("*.wav", "*.pcm"),
        _with("stream", "--image", "GOOD/points.npz", *_MODEL),
        stdin="BAD",
        weight=2,
    ),
    _a2k(
        "stream --weights",
        _WEIGHTS[:1],
        _with("stream", "--image", "GOOD/points.npz", "--weights", "BAD"),
        stdin="voice.pcm",
    ),
    _a2k("stream --image", (*IMAGES, *KEYPOINTS), _with("stream", "--image", "BAD", *_MODEL), stdin="voice.pcm"),
    _a2k("export --weights", _WEIGHTS, _with("export", "OUT/m.onnx", "--weights", "BAD"), weight=0.3, seconds=60.0),
    _train(
        "fit, table",
        ("clips/manifest.csv",),
        _inside("clips", "manifest.csv", "fit", "FOLDER", "--run", "OUT/run", *_RUN),
    ),
    _train("fit, clip", ("points.npz",), _inside("clips", "clip1.npz", "fit", "FOLDER", "--run", "OUT/run", *_RUN)),
    _train(
        "fit --config",
        ("run/config.toml", "paper/config.toml"),
        _with("fit", "GOOD/clips", "--run", "OUT/run", "--config", "BAD", "--steps", "1"),
    ),
    _train(
        "fit, state",
        ("run/state.safetensors",),
        _inside("run", "state.safetensors", "fit", "GOOD/clips", "--run", "FOLDER", *_RUN[:2], "--steps", "1"),
        works_in_inputs=True,
    ),
    _train(
        "crossval, clip",
        ("written.wav", "points.npz"),
        _inside("clips", "clip1.wav", "crossval", "FOLDER", "--run", "OUT/run", *_RUN, "--folds", "2"),
        weight=0.2,
    ),
    _train("evaluate --weights", _WEIGHTS, _with("evaluate", "GOOD/clips", "--weights", "BAD")),
    _train(
        "ablate --config",
        ("paper/config.toml",),
        _with("ablate", "GOOD/clips", "--run", "OUT/run", "--config", "BAD", "--only", "final", *_SMALL),
        weight=0.2,
    ),
    _train(
        "publish, state",
        ("run/state.safetensors",),
        _inside("run", "state.safetensors", "publish", "FOLDER", "-o", "OUT/p"),
    ),
    _train(
        "publish, settings", ("run/config.toml",), _inside("run", "config.toml", "publish", "FOLDER", "-o", "OUT/p")
    ),
)
