"""The options that commands of `a2k` share."""

from typing import Annotated

import typer

Face = Annotated[int, typer.Option(min=0, help="Which face of the picture, 0 being the largest.")]
HeadMotion = Annotated[float, typer.Option(min=0.0, help="Gain of the head's movement; 0 keeps it still.")]
Expression = Annotated[float, typer.Option(min=0.0, help="Gain of lips, jaw, brows and lids.")]
Blink = Annotated[float, typer.Option(min=0.0, help="How far a blink closes the lids; 0 for none.")]
RestLips = Annotated[
    bool | None,
    typer.Option(
        "--rest-lips/--keep-lips",
        help="Whether the reference's open lips are a pose that is left for closed ones.",
        show_default="in pictures",
    ),
]
Seed = Annotated[int, typer.Option(help="Another seed, another plausible head motion, other blinks.")]
Weights = Annotated[
    str | None,
    typer.Option(
        "--model",
        "--weights",
        help="Checkpoint: a file, a folder, or an id owner/name of the Hugging Face Hub.",
        show_default="the embedded one",
    ),
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of the weights on the Hub.")]
Sha256 = Annotated[str | None, typer.Option(help="Digest of the weights' file, checked before it is opened.")]
