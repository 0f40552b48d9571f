"""The options that determine what a corpus holds."""

from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kp_io.corpus.clip import ClipRules
from kp_io.corpus.shards.schema import SCHEMA_VERSION
from kp_io.corpus.speakers import FOLDER_LAYOUTS, Speakers, read_manifest


@dataclass(frozen=True, slots=True)
class CorpusOptions:
    """The options that determine what a corpus holds; they are fixed once it is begun.

    Attributes:
        rules: How a clip is made, and the conditions that it must meet.
        layout: Folder layout by name, e.g. `voxceleb2`; None for none.
        speaker_pattern: Regular expression with the group `speaker`, instead of a layout.
        manifest: CSV of videos or speakers, see `kp_io.corpus.speakers.read_manifest`.
        val: Share of speakers drawn for the split `val`.
        test: Share of speakers drawn for the split `test`.
        seed: Seed of that draw.
        licence: Terms of the footage, for videos without terms in the manifest.
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
        """Return the attribution of videos to speakers that these options describe."""
        pattern = self.speaker_pattern if self.layout is None else FOLDER_LAYOUTS[self.layout]
        manifest = None if self.manifest is None else read_manifest(self.manifest)
        return Speakers(pattern, manifest, self.val, self.test, self.seed, self.licence)

    def settings(self, detector: str | None) -> dict[str, Any]:
        """Return the content of `corpus.json`, without local paths or times; without a detector, all other settings."""
        content = {**asdict(self), **asdict(self.rules), "schema_version": SCHEMA_VERSION, "kp_io": version("kp-io")}
        del content["rules"]
        manifest = None if self.manifest is None else read_manifest(self.manifest).sha256
        return {**content, "manifest": manifest} | ({} if detector is None else {"detector": detector})
