"""Everything that decides what a corpus holds."""

from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kp_io.corpus.clip import SCHEMA_VERSION, ClipRules
from kp_io.corpus.speakers import FOLDER_LAYOUTS, Speakers, read_manifest


@dataclass(frozen=True, slots=True)
class CorpusOptions:
    """Everything that decides what a corpus holds; it cannot be changed once a corpus is begun.

    Attributes:
        rules: How a clip is made, and what it takes to be one.
        layout: Folder layout by name, e.g. `voxceleb2`; None for none.
        speaker_pattern: Regular expression with the group `speaker`, instead of a layout.
        manifest: CSV of videos or speakers, see `kp_io.corpus.speakers.read_manifest`.
        val: Share of speakers that are drawn for the split `val`.
        test: Share of speakers that are drawn for the split `test`.
        seed: Another number draws other speakers.
        licence: Terms of the footage, for videos of which the manifest does not give them.
        clips_per_shard: Videos whose clips share a file.

    Raises:
        ValueError: A value is out of its range, or both a layout and a pattern are given.
    """

    rules: ClipRules = field(default_factory=ClipRules)
    layout: str | None = None
    speaker_pattern: str | None = None
    manifest: Path | None = None
    val: float = 0.05
    test: float = 0.05
    seed: int = 0
    licence: str = ""
    clips_per_shard: int = 512

    def __post_init__(self) -> None:
        if self.layout is not None and self.layout not in FOLDER_LAYOUTS:
            raise ValueError(f"expected a folder layout out of {', '.join(FOLDER_LAYOUTS)}, got {self.layout!r}")
        if self.layout is not None and self.speaker_pattern is not None:
            raise ValueError("expected either a folder layout or a pattern for speakers, got both")
        if self.clips_per_shard < 1:
            raise ValueError(f"expected at least one clip a shard, got {self.clips_per_shard}")

    def speakers(self) -> Speakers:
        """Return the attribution of videos that these options describe."""
        return Speakers(
            pattern=FOLDER_LAYOUTS[self.layout] if self.layout is not None else self.speaker_pattern,
            manifest=None if self.manifest is None else read_manifest(self.manifest),
            val=self.val,
            test=self.test,
            seed=self.seed,
            licence=self.licence,
        )

    def settings(self, detector: str) -> dict[str, Any]:
        """Return what is written into `corpus.json`: no path of this machine, and no time."""
        content = {**asdict(self), **asdict(self.rules), "schema_version": SCHEMA_VERSION, "kp_io": version("kp-io")}
        del content["rules"]
        manifest = None if self.manifest is None else read_manifest(self.manifest).sha256
        return {**content, "manifest": manifest, "detector": detector}
