"""Everything that the report of the head needs of the clips of one fold, and a file that keeps it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from a2k_nets.checkpoints import read_tensors, write_tensors

_FORMAT = "a2k-head-fold-1"


@dataclass(slots=True, eq=False)
class HeldOut:
    """Tracks, judgements and errors of every row for clips of speakers that no model of the fold has seen.

    Attributes:
        ids: Names of the C clips.
        speakers: Their speakers.
        lengths: Their numbers of frames.
        measured: `(N,)`, frames of all clips, one clip after the other.
        silent: `(N,)`, frames in silence.
        tracks: By row, `(S, N, 10)`: the columns of `TRACKS`, of S seeds.
        windows: `(W,)`, the clip of every window that was judged.
        shares: By row, judge and what it is compared with (`others` or `own`), `(S, W)`: see `motion_match_auc`.
        errors: By row, `(E, C, 3)`, of more seeds: see `keypoint_errors`.
    """

    ids: list[str]
    speakers: list[str]
    lengths: list[int]
    measured: Bool[Tensor, " n"]
    silent: Bool[Tensor, " n"]
    tracks: dict[str, Float[Tensor, "s n 10"]] = field(default_factory=dict)
    windows: Int64[Tensor, " w"] = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    shares: dict[tuple[str, str, str], Float[Tensor, "s w"]] = field(default_factory=dict)
    errors: dict[str, Float[Tensor, "e c 3"]] = field(default_factory=dict)

    def clips(self, row: str) -> list[Float[Tensor, "s t 10"]]:
        """Return the tracks of a row, clip by clip."""
        return list(torch.split(self.tracks[row], self.lengths, dim=1))

    def frames(self, of: Tensor) -> list[Tensor]:
        """Return `measured` or `silent`, clip by clip."""
        return list(torch.split(of, self.lengths))

    def save(self, path: Path, identity: Mapping[str, str]) -> None:
        """Write everything to a safetensors file, atomically.

        Args:
            path: The file.
            identity: What it was computed from; `load` wants the same.
        """
        tensors = {"measured": self.measured, "silent": self.silent, "windows": self.windows}
        tensors |= {f"tracks/{row}": values for row, values in self.tracks.items()}
        tensors |= {f"shares/{'/'.join(key)}": values for key, values in self.shares.items()}
        tensors |= {f"errors/{row}": values for row, values in self.errors.items()}
        clips = json.dumps([self.ids, self.speakers, self.lengths])
        write_tensors(path, {name: value.contiguous() for name, value in tensors.items()}, _metadata(clips, identity))

    @classmethod
    def load(cls, path: Path, identity: Mapping[str, str]) -> "HeldOut":
        """Read what `save` wrote.

        Raises:
            ValueError: The file is damaged, or was computed from something else.
        """
        tensors, metadata = read_tensors(path)
        clips = metadata.get("clips", "")
        if metadata != _metadata(clips, identity):
            raise ValueError(
                f"expected results of the same clips, models and settings in {path}, got others; delete the file to "
                "compute them again, or give another folder"
            )
        ids, speakers, lengths = json.loads(clips)
        held_out = cls(ids, speakers, lengths, tensors["measured"], tensors["silent"], windows=tensors["windows"])
        for name, tensor in tensors.items():
            kind, _, rest = name.partition("/")
            if kind == "tracks":
                held_out.tracks[rest] = tensor
            elif kind == "shares":
                row, judge, against = rest.split("/")
                held_out.shares[row, judge, against] = tensor
            elif kind == "errors":
                held_out.errors[rest] = tensor
        return held_out


def _metadata(clips: str, identity: Mapping[str, str]) -> dict[str, str]:
    return {"format": _FORMAT, "clips": clips, **identity}
