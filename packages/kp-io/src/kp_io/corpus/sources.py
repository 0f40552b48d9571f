"""The videos of a folder, in one fixed order, and the shards that they will fill."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kp_io.corpus.speakers import Speakers
from kp_io.media.video_reader import VIDEO_SUFFIXES


@dataclass(frozen=True, slots=True)
class Source:
    """One video of a corpus.

    Attributes:
        relative: Path below the videos' folder, `/` between folders; what opens the file.
        id: The same without the suffix, unless two files of a folder differ in nothing else.
        size: Bytes.
        speaker: Who speaks.
        split: Split of the speaker.
        licence: Terms of the footage.
    """

    relative: str
    id: str
    size: int
    speaker: str
    split: str
    licence: str

    @property
    def key(self) -> str:
        """What tells this file from another one, as far as its name and size do."""
        return hashlib.sha256(f"{self.relative}\0{self.size}".encode("utf-8", "surrogateescape")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class PlannedShard:
    """The videos whose clips make one shard; which ones depends on nothing but the folder and the options.

    Attributes:
        split: Split of all of them.
        index: Number of the shard within the split.
        sources: The videos, in order.
    """

    split: str
    index: int
    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """File name without the suffix, e.g. `train-00003`."""
        return f"{self.split}-{self.index:05d}"

    @property
    def digest(self) -> str:
        """What changes when a video is added, removed, renamed, attributed anew or of another size."""
        digest = hashlib.sha256()
        for source in self.sources:
            row = (source.key, source.speaker, source.licence)
            digest.update("\0".join((*row, "")).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def find_sources(root: Path, speakers: Speakers) -> Iterator[Source]:
    """Yield every video below a folder, folder by folder and by name, holding one folder's names in memory.

    Files are taken for videos by their suffix. Hidden files and folders are passed over, and links to folders are not
    followed.

    Raises:
        ValueError: `speakers` cannot attribute a video.
        OSError: A folder cannot be read.
    """
    yield from _walk(root, "", speakers)


def _walk(folder: Path, prefix: str, speakers: Speakers) -> Iterator[Source]:
    with os.scandir(folder) as listing:
        entries = sorted((e for e in listing if not e.name.startswith(".")), key=lambda entry: os.fsencode(entry.name))
    videos = {e.name for e in entries if PurePosixPath(e.name).suffix.lower() in VIDEO_SUFFIXES and e.is_file()}
    stems = Counter(PurePosixPath(name).stem for name in videos)
    for entry in entries:
        relative = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name, f"{relative}/", speakers)
        elif entry.name in videos:
            stem = PurePosixPath(entry.name).stem
            name = stem if stems[stem] == 1 else entry.name
            yield Source(relative, prefix + name, entry.stat().st_size, *speakers.of(relative))


def plan_shards(root: Path, speakers: Speakers, *, clips_per_shard: int) -> Iterator[PlannedShard]:
    """Yield the shards that the videos below a folder fill, as soon as each is full.

    A split's first `clips_per_shard` videos make its shard 0, and so on: the videos that turn out broken are counted,
    so that what a shard holds does not depend on how another one went. At most `clips_per_shard` videos a split are in
    memory.

    Raises:
        FileNotFoundError: `root` is no folder.
        ValueError: There is no video, or one cannot be attributed.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"expected a folder of videos, found no folder {root}")
    waiting: dict[str, list[Source]] = {}
    made: Counter[str] = Counter()
    for source in find_sources(root, speakers):
        batch = waiting.setdefault(source.split, [])
        batch.append(source)
        if len(batch) == clips_per_shard:
            yield PlannedShard(source.split, made[source.split], tuple(batch))
            made[source.split] += 1
            batch.clear()
    if not waiting:
        raise ValueError(f"expected a folder with videos ({', '.join(sorted(VIDEO_SUFFIXES))}), found none in {root}")
    for split, batch in sorted(waiting.items()):
        if batch:
            yield PlannedShard(split, made[split], tuple(batch))
