"""The options that several commands of `a2k-train` share, and what becomes of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from a2k_nets.config import AnyConfig
    from a2k_train.config.train_config import TrainConfig
    from a2k_train.data.clip_store import ClipStore

Clips = Annotated[
    Path,
    typer.Argument(help="Corpus from `kp-io build`, or folder of <id>.npz and <id>.wav from `kp-io annotate --wav`."),
]
Manifest = Annotated[
    Path | None, typer.Option(help="Of a folder: CSV with id, speaker and split.", show_default="manifest.csv in it")
]
Splits = Annotated[str, typer.Option(help="Comma-separated splits to use.")]
Run = Annotated[Path, typer.Option(help="Folder of the run; an interrupted run goes on.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML of settings, e.g. another run's config.toml.")]
Preset = Annotated[str | None, typer.Option(help="Whose default settings: residual or paper.", show_default="residual")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="A setting and its value, e.g. model.width=0.25; may be repeated.")
]
Steps = Annotated[int | None, typer.Option(min=1, help="Optimizer steps instead of the settings'.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs instead of the settings' steps or epochs.")]
Seed = Annotated[int | None, typer.Option(help="Seed instead of the settings'.")]
MaxOffset = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        help="Leave out clips whose sound is off by more, milliseconds; needs a corpus that `a2k sync` measured.",
    ),
]
Device = Annotated[str, typer.Option(help="cpu, cuda or mps.")]
Cache = Annotated[
    str,
    typer.Option(help="Where clips are held: memory; disk, mapped into memory, for corpora larger than it; device."),
]


def settings(
    config: Path | None,
    *,
    preset: str | None = None,
    changes: list[str] | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    max_offset: float | None = None,
) -> "TrainConfig":
    """Return the settings that the options describe."""
    from a2k_train.config.toml_file import read_config

    given = [
        f"{name} = {value}"
        for name, value in (("steps", steps), ("epochs", epochs), ("seed", seed), ("max_offset_ms", max_offset))
        if value is not None
    ]
    return read_config(config, preset=preset, changes=[*(changes or ()), *given])


def load(
    folder: Path,
    config: "TrainConfig",
    *,
    splits: str,
    manifest: Path | None,
    cache: str = "memory",
    device: str = "cpu",
) -> "ClipStore":
    """Open the clips of some splits in the pixels that a run's model is trained in."""
    if cache not in ("memory", "disk", "device"):
        raise ValueError(f"expected the cache memory, disk or device, got {cache!r}")
    where = "disk" if cache == "disk" else "memory"
    store = load_for(
        config.model, folder, splits=splits, manifest=manifest, cache=where, max_offset_ms=config.max_offset_ms
    )
    return store.to(device) if cache == "device" else store


def load_for(
    model: "AnyConfig",
    folder: Path,
    *,
    splits: str,
    manifest: Path | None,
    cache: str = "memory",
    max_offset_ms: float = 0.0,
) -> "ClipStore":
    """Open the clips of some splits in the pixels that a model works in."""
    from a2k_nets import PaperConfig
    from a2k_train.data.open_clips import open_clips

    paper = model if isinstance(model, PaperConfig) else None
    return open_clips(
        folder,
        splits=tuple(split.strip() for split in splits.split(",")),
        fps=float(model.fps),
        sample_rate=model.audio.sample_rate,
        frame_height=None if paper is None else paper.frame_height,
        face_size=0.0 if paper is None else paper.face_size,
        dims=2 if paper is None else paper.dimensions,
        manifest=manifest,
        max_offset_ms=max_offset_ms,
        cache=cache,
    )
