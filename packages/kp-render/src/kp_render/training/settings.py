"""Settings of a training."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How the painting network learns; the defaults are those of the weights in the package.

    Attributes:
        steps: Number of updates.
        batch_size: Examples in an update.
        learning_rate: At its highest, after the warm-up; it falls to 0 along a cosine.
        adversary: Weight of the loss of realism beside the others; 0 trains without an adversary.
        adversary_from: Share of the steps after which the adversary comes in.
        average: Share that the running average of the weights keeps in an update.
        seed: Of the order of the examples and their variations.
        log_every: Updates between rows of the table, each with a check on held-out examples.
    """

    steps: int = 2400
    batch_size: int = 8
    learning_rate: float = 1e-3
    adversary: float = 0.05
    adversary_from: float = 0.5
    average: float = 0.995
    seed: int = 0
    log_every: int = 250

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.log_every) < 1 or self.learning_rate <= 0:
            raise ValueError(f"expected steps, batch size, learning rate and log_every above 0, got {self}")
        if not 0 <= self.average < 1:
            raise ValueError(f"expected an average in [0, 1), got {self.average}")
        if self.adversary < 0 or not 0 <= self.adversary_from <= 1:
            raise ValueError(f"expected an adversary of 0 or more, and its beginning in [0, 1], got {self}")


def read_settings(file: Path | None, **changes: float | None) -> TrainingSettings:
    """Read settings from a TOML file, and change those that are given.

    Args:
        file: With any of the attributes of `TrainingSettings`; None for the defaults.
        changes: Attributes by name; None where the file or the default counts.

    Raises:
        ValueError: A name is unknown, or a value is of the wrong kind or out of range.
        OSError: The file cannot be read.

    Example:
        >>> read_settings(None, steps=20).steps
        20
    """
    try:
        found: dict[str, Any] = {} if file is None else tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"expected TOML in {file}: {error}") from None
    found |= {name: value for name, value in changes.items() if value is not None}
    kinds = {field.name: type(field.default) for field in fields(TrainingSettings)}
    for name, value in found.items():
        if name not in kinds:
            raise ValueError(f"expected settings among {', '.join(kinds)}, got {name!r}")
        if isinstance(value, bool) or not isinstance(value, (int, kinds[name])):
            raise ValueError(f"expected {kinds[name].__name__} for {name}, got {value!r}")
    return TrainingSettings(**found)
