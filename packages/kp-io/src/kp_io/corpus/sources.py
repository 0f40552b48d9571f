"""List the videos of a folder in a fixed order, and plan the shards that they fill."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kp_io.annotation.media_files import PassedOver, is_video_file
from kp_io.corpus.speakers import Speakers


@dataclass(frozen=True, slots=True)
class VideoEntry:
    """One video of a corpus.

    Attributes:
        relative: Path below the videos' folder, with `/` between folders; it opens the file.
        id: The same without the suffix, unless two files of a folder differ only in the suffix.
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
        """Hash of the file's name and size."""
        return hashlib.sha256(f"{self.relative}\0{self.size}".encode("utf-8", "surrogateescape")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class PlannedShard:
    """The videos whose clips make one shard; the choice depends only on the folder and the options.

    Attributes:
        split: Split of all of them.
        index: Number of the shard within the split.
        videos: The videos, in order.
    """

    split: str
    index: int
    videos: tuple[VideoEntry, ...]

    @property
    def name(self) -> str:
        """File name without the suffix, e.g. `train-00003`."""
        return f"{self.split}-{self.index:05d}"

    @property
    def digest(self) -> str:
        """Hash that changes if a video is added, removed or renamed, or its speaker, licence or size changes."""
        digest = hashlib.sha256()
        for video in self.videos:
            row = (video.key, video.speaker, video.licence)
            digest.update("\0".join((*row, "")).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def find_videos(
    root: Path, speakers: Speakers, *, prefix: str = "", passed_over: PassedOver | None = None
) -> Iterator[VideoEntry]:
    """Yield every video below a folder, sorted by name, with one folder's names in memory at a time.

    What is a video is decided by `is_video_file`. Hidden files and folders are skipped, and links to folders are not
    followed.

    Args:
        root: Folder of the videos.
        speakers: Attributes videos to speakers and splits.
        prefix: Subfolder to start from, ending in `/`; empty for all.
        passed_over: Gets the names of the other files.

    Raises:
        ValueError: `speakers` cannot attribute a video.
        OSError: A folder cannot be read.
    """
    with os.scandir(root / prefix) as listing:
        entries = sorted((e for e in listing if not e.name.startswith(".")), key=lambda entry: os.fsencode(entry.name))
    videos = {e.name for e in entries if e.is_file() and is_video_file(Path(e.path))}
    stems = Counter(PurePosixPath(name).stem for name in videos)
    for entry in entries:
        relative = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from find_videos(root, speakers, prefix=f"{relative}/", passed_over=passed_over)
        elif entry.name in videos:
            stem = PurePosixPath(entry.name).stem
            name = stem if stems[stem] == 1 else entry.name
            yield VideoEntry(relative, prefix + name, entry.stat().st_size, *speakers.attribute(relative, root))
        elif passed_over is not None and (entry.is_file() or entry.is_dir()):
            passed_over.add(relative, is_folder=entry.is_dir())


def plan_shards(
    root: Path, speakers: Speakers, *, clips_per_shard: int, passed_over: PassedOver | None = None
) -> Iterator[PlannedShard]:
    """Yield the shards that the videos below a folder fill, as soon as each is full.

    A split's first `clips_per_shard` videos make its shard 0, and so on. Broken videos count too, so that the content
    of a shard does not depend on other shards. At most `clips_per_shard` videos per split are in memory. `passed_over`
    gets the names of the files that are no videos.

    Raises:
        FileNotFoundError: `root` is no folder.
        ValueError: There is no video, or one cannot be attributed.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"expected a folder of videos, found no folder {root}")
    waiting: dict[str, list[VideoEntry]] = {}
    num_planned: Counter[str] = Counter()
    passed_over = PassedOver("videos") if passed_over is None else passed_over
    for video in find_videos(root, speakers, passed_over=passed_over):
        batch = waiting.setdefault(video.split, [])
        batch.append(video)
        if len(batch) == clips_per_shard:
            yield PlannedShard(video.split, num_planned[video.split], tuple(batch))
            num_planned[video.split] += 1
            batch.clear()
    if not waiting:
        others = f", only {passed_over}" if passed_over else ""
        raise ValueError(f"expected a folder with videos, found none in {root}{others}")
    for split, batch in sorted(waiting.items()):
        if batch:
            yield PlannedShard(split, num_planned[split], tuple(batch))
