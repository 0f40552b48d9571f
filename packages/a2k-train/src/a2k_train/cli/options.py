"""Options shared by the `a2k-train` commands, and the settings and clips that they describe."""

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
    Path | None,
    typer.Option(help="CSV with id, speaker and split, for a folder of clips.", show_default="manifest.csv in it"),
]
Splits = Annotated[str, typer.Option(help="Comma-separated splits to use.")]
Run = Annotated[Path, typer.Option("--run", "-o", "--out", help="Folder of the run; an interrupted run is resumed.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="TOML file of settings, e.g. config.toml of another run.")
]
Preset = Annotated[
    str | None,
    typer.Option(help="Preset of the default settings: listener, residual or paper.", show_default="residual"),
]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="A setting and its value, e.g. model.width=0.25; may be repeated.")
]
Steps = Annotated[int | None, typer.Option(min=1, help="Number of optimizer steps; overrides the settings.")]
Epochs = Annotated[
    int | None, typer.Option(min=1, help="Number of epochs; overrides steps and epochs of the settings.")
]
Seed = Annotated[int | None, typer.Option(help="Random seed; overrides the settings.")]
MaxOffset = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        help="Leave out clips with a larger audio offset, milliseconds; needs a corpus measured by `a2k sync`.",
    ),
]
Device = Annotated[str, typer.Option(help="cpu, cuda or mps.")]
Cache = Annotated[
    str,
    typer.Option(help="Where clips are kept: memory; disk, memory-mapped, for corpora larger than memory; or device."),
]
Apart = Annotated[
    str | None,
    typer.Option(
        help="Beginning of the names of speakers to average in a table of their own (table_apart.md), such as those of "
        "one easy data set."
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="listener or small, which are embedded; a file, a folder, or a Hugging Face Hub id owner/name.",
        show_default="listener",
    ),
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of the checkpoint on the Hub.")]
Sha256 = Annotated[str | None, typer.Option(help="SHA-256 digest of the checkpoint, verified before loading.")]


def current_spelling(option: str) -> str:
    """Return the name of an option without its dashes; old spellings still work and are not in the help.

    Example:
        >>> current_spelling("weights"), current_spelling("seed")
        ('model', 'seed')
    """
    return {"weights": "model"}.get(option, option)


def refuse_overwriting_inputs(
    clips: Path, run: Path, *, config: Path | None, manifest: Path | None, settings: "TrainConfig"
) -> None:
    """Raise a `ValueError` if a run would write over its clips, its manifest or, with other content, its settings."""
    from a2k_train.config.toml_file import config_to_toml
    from kp_io.filesystem import refuse_overwriting

    refuse_overwriting([run], [clips])
    written = [run / name for name in ("model.safetensors", "state.safetensors", "log.jsonl", "clips.csv", "table.csv")]
    refuse_overwriting(written, [manifest, config])
    # A run that goes on with its own settings writes the same file again.
    if config is not None and config.read_text(encoding="utf-8") != config_to_toml(settings):
        refuse_overwriting([run / "config.toml"], [config])


def load_settings(
    config: Path | None,
    *,
    preset: str | None = None,
    changes: list[str] | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    max_offset: float | None = None,
) -> "TrainConfig":
    """Return the settings of a file, changed by the options."""
    from a2k_train.config.toml_file import read_config

    given = [
        f"{name} = {value}"
        for name, value in (("steps", steps), ("epochs", epochs), ("seed", seed), ("max_offset_ms", max_offset))
        if value is not None
    ]
    return read_config(config, preset=preset, changes=[*(changes or ()), *given])


def total_steps(config: "TrainConfig", store: "ClipStore") -> int:
    """Return the number of optimizer steps of a training."""
    return config.total_steps(-(-len(store) // config.batch_size))


def open_for_training(
    folder: Path,
    config: "TrainConfig",
    *,
    splits: str,
    manifest: Path | None,
    cache: str = "memory",
    device: str = "cpu",
) -> "ClipStore":
    """Open the clips of some splits for a training, scaled as its model expects."""
    if cache not in ("memory", "disk", "device"):
        raise ValueError(f"expected the cache memory, disk or device, got {cache!r}")
    store = open_for_model(
        config.model,
        folder,
        splits=splits,
        manifest=manifest,
        cache="disk" if cache == "disk" else "memory",
        max_offset_ms=config.max_offset_ms,
    )
    return store.to(device) if cache == "device" else store


def encode_speech(store: "ClipStore", config: "TrainConfig", folder: Path, *, device: str) -> "ClipStore":
    """Return the store with the features that the preset's encoder gives, cached beside the clips, under a bar."""
    from a2k_train.cli.console import progress
    from a2k_train.recipes.prepare_store import prepare_store

    with progress("clips encoded") as advance:
        return prepare_store(
            config,
            store,
            cache_folder=folder / ".cache",
            device=device,
            on_clip=lambda done, count: advance(done, count, {}),
        )


def open_for_model(
    model: "AnyConfig",
    folder: Path,
    *,
    splits: str,
    manifest: Path | None,
    cache: str = "memory",
    max_offset_ms: float = 0.0,
) -> "ClipStore":
    """Open the clips of some splits, scaled as a model expects."""
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
