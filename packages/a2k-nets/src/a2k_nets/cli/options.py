"""Options shared by the `a2k` commands."""

import logging
from pathlib import Path
from typing import Annotated

import typer

logger = logging.getLogger(__name__)

Face = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Index of the face in the picture by size, or face_id in a file.",
        show_default="the largest",
    ),
]
Track = Annotated[str | None, typer.Option(help="Clip, video or track of a keypoint file that holds several.")]
HeadMotion = Annotated[float, typer.Option(min=0.0, help="Gain of the head motion; 0 keeps the head still.")]
Expression = Annotated[float, typer.Option(min=0.0, help="Gain of the motion of lips, jaw, brows and eyelids.")]
Blink = Annotated[float, typer.Option(min=0.0, help="How far a blink closes the eyelids; 0 for no blinks.")]
Turn = Annotated[float, typer.Option(min=0.0, help="Gain of turns of the head to the sides.")]
Nod = Annotated[float, typer.Option(min=0.0, help="Gain of nodding.")]
Tilt = Annotated[float, typer.Option(min=0.0, help="Gain of tilts of the head to the shoulders.")]
Brow = Annotated[float, typer.Option(min=0.0, help="Gain of the motion of the brows.")]
Style = Annotated[
    Path | None,
    typer.Option(
        help="Keypoint file of a clip of at least 2 s: head and brows move as much as there.",
        show_default="as much as a speaker whom the seed draws",
    ),
]
NeutralizeMouth = Annotated[
    bool | None,
    typer.Option(
        "--neutralize-mouth/--keep-mouth",
        help="Whether open lips of the reference close when the sequence begins.",
        show_default="only in pictures",
    ),
]
Seed = Annotated[int, typer.Option(help="Random seed of the motion of head and brows and of the blinks.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="listener or small, which are embedded; a file, a folder, or a Hugging Face Hub id owner/name.",
        show_default="listener; small to stream and export",
    ),
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of the checkpoint on the Hub.")]
Sha256 = Annotated[str | None, typer.Option(help="SHA-256 digest of the checkpoint, verified before loading.")]

Device = Annotated[str, typer.Option(help="cpu, cuda or mps.")]

_OLD_SPELLINGS = {"head": "driving", "rest-lips": "neutralize-mouth", "keep-lips": "keep-mouth", "weights": "model"}


def current_spelling(option: str) -> str:
    """Return the name of an option without its dashes; old spellings still work and are not in the help.

    Example:
        >>> current_spelling("rest-lips"), current_spelling("seed")
        ('neutralize-mouth', 'seed')
    """
    if option == "video":
        logger.warning("--video of a2k generate is now --draw; --video names an input elsewhere")
        return "draw"
    return _OLD_SPELLINGS.get(option, option)


def checkpoint_files(model: str | None) -> list[Path]:
    """Return the files on this machine that `--model` reads; none for the embedded model or one of the Hub."""
    path = Path(model or "")
    if model is None or not path.exists():
        return []
    return [path] if path.is_file() else [path / "model.safetensors", path / "config.json"]
