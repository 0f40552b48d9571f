"""Assign every video of a corpus to a speaker, and every speaker to a split."""

import csv
import hashlib
import os
import posixpath
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

#: Folder layouts by name: patterns for paths below the videos' folder, groups `speaker` and optionally `split`.
FOLDER_LAYOUTS = {
    # dev/mp4/id00012/21Uxsk56VDQ/00001.mp4; `test` is VoxCeleb2's own split, `dev` is divided by speaker.
    "voxceleb2": r"^(?:.*?/)??(?:(?:dev|(?P<split>test))/(?:mp4/)?)?(?P<speaker>id\d{5})/[^/]+/[^/]+$"
}

_SPLIT_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Attribution(NamedTuple):
    """Metadata of a video that is known without opening it.

    Attributes:
        speaker: Who speaks.
        split: `train`, `val`, `test`, or any other name given in a manifest.
        licence: Terms of the footage; empty if unknown.
    """

    speaker: str
    split: str
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A table of videos or of speakers, from `read_manifest`.

    Attributes:
        videos: Speaker and licence by path below the videos' folder or the table's; empty for a table of speakers.
        splits: Split by speaker, for the speakers that have one.
        sha256: Digest of the file, which reveals changes.
        folder: The table's folder.
    """

    videos: dict[str, tuple[str, str]]
    splits: dict[str, str]
    sha256: str
    folder: Path | None = None

    def row_of(self, relative: str, root: Path | None) -> tuple[str, str] | None:
        """Return speaker and licence of a video, named as below the videos' folder `root` or as below the table's.

        Names that differ only in their Unicode form, as those of macOS and of Linux, are the same.
        """
        row = self.videos.get(_plain_path(relative))
        if row is not None or root is None or self.folder is None:
            return row
        video, folder = root.resolve() / relative, self.folder.resolve()
        row = self.videos.get(_plain_path(str(video)))
        # Two drives of Windows have no path in common.
        return (
            row
            if row or video.anchor != folder.anchor
            else self.videos.get(_plain_path(os.path.relpath(video, folder)))
        )


def _plain_path(name: str) -> str:
    """Return a path in Unicode's composed form, with `/` between folders and without `.`."""
    return posixpath.normpath(unicodedata.normalize("NFC", name.replace(os.sep, "/")))


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    r"""Read a CSV that assigns videos to speakers, or speakers to splits.

    With a column `file` (path below the videos' folder, or below that of the table, `/` between folders) it has one row
    per video, with the columns `speaker` and optionally `split` and `licence`. Without, it has one row per speaker:
    `speaker`, `split`. Other columns are ignored; a speaker with an empty split gets a random one, as without a table.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A column is missing, a cell is empty, a file is listed twice, or a speaker is in two splits.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "speakers.csv").write_text("speaker,split\nanna,train\nbert,val\n")
        ...     read_manifest(Path(folder, "speakers.csv")).splits
        {'anna': 'train', 'bert': 'val'}
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"expected a CSV file, found no file {file}")
    content = file.read_bytes()
    try:
        lines = content.decode("utf-8-sig").splitlines()
        head = [name.strip() for name in next(csv.reader(lines[:1]), [])]
        rows = list(csv.DictReader(lines[1:], fieldnames=head))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"expected a CSV file in UTF-8, got {file}: {error}") from error
    columns = set(rows[0]) if rows else set()
    if "speaker" not in columns or not columns & {"file", "split"}:
        raise ValueError(
            f"expected the columns file, speaker (and split, licence) or speaker, split in {file}, "
            f"got {', '.join(map(str, rows[0])) if rows else 'no row'}"
        )
    videos: dict[str, tuple[str, str]] = {}
    splits: dict[str, str] = {}
    for line, row in enumerate(rows, start=2):
        cells = {name: (row.get(name) or "").strip() for name in ("file", "speaker", "split", "licence")}
        where = f"line {line} of {file}"
        if not cells["speaker"] or ("file" in columns and not cells["file"]):
            raise ValueError(f"expected a speaker{' and a file' if 'file' in columns else ''} in {where}")
        cells["speaker"] = unicodedata.normalize("NFC", cells["speaker"])
        if cells["file"]:
            key = _plain_path(cells["file"])
            if key in videos:
                raise ValueError(f"expected every file once, got {cells['file']} again in {where}")
            videos[key] = (cells["speaker"], cells["licence"])
        if cells["split"]:
            _check_split(cells["split"], where)
            before = splits.setdefault(cells["speaker"], cells["split"])
            if before != cells["split"]:
                raise ValueError(
                    f"expected every speaker in one split, got {cells['speaker']} in {before} and, in {where}, "
                    f"in {cells['split']}"
                )
    return Manifest(videos, splits, hashlib.sha256(content).hexdigest(), file.parent)


@dataclass
class Speakers:
    """Attribution of videos to speakers and of speakers to splits; a speaker is never in two splits.

    The speaker is, in this order: the one in the manifest; the match of the pattern's group `speaker`; the first folder
    of the path; the file's name. The split is the speaker's split in the manifest, or the pattern's group `split`;
    without either it is drawn by a hash of the seed and the speaker's name, so that it depends neither on the other
    speakers nor on the order of the videos.

    Args:
        pattern: Regular expression searched for in the path below the videos' folder, with `/` between folders.
        manifest: A table of videos or of speakers.
        val: Share of speakers drawn for the split `val`.
        test: Share of speakers drawn for the split `test`.
        seed: Seed of that draw.
        licence: Terms of the footage for videos without terms in the manifest.

    Raises:
        ValueError: The pattern is no regular expression or has no group `speaker`, or the shares are not within [0, 1].

    Example:
        >>> speakers = Speakers(pattern=FOLDER_LAYOUTS["voxceleb2"])
        >>> speakers.attribute("dev/mp4/id00012/21Uxsk56VDQ/00001.mp4")
        Attribution(speaker='id00012', split='train', licence='')
        >>> speakers.attribute("test/mp4/id00017/01dfn2spqyE/00001.mp4").split
        'test'
    """

    pattern: str | None = None
    manifest: Manifest | None = None
    val: float = 0.05
    test: float = 0.05
    seed: int = 0
    licence: str = ""
    _split_of: dict[str, tuple[str, str]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not (self.val >= 0 and self.test >= 0 and self.val + self.test <= 1):
            raise ValueError(f"expected shares of speakers within [0, 1], got {self.val=} and {self.test=}")
        try:
            compiled = re.compile(self.pattern or "(?P<speaker>)")
        except re.error as error:
            raise ValueError(f"expected a regular expression, got {self.pattern!r}: {error}") from error
        if "speaker" not in compiled.groupindex:
            raise ValueError(f"expected a pattern with a group (?P<speaker>…), got {self.pattern!r}")

    def attribute(self, relative: str, root: Path | None = None) -> Attribution:
        """Return speaker, split and licence of the video at this path below the videos' folder `root`.

        Raises:
            ValueError: It has no row in the manifest, does not match the pattern, or puts its speaker into two splits.
        """
        speaker, split, licence = self._speaker_of(relative, root)
        if self.manifest is not None:
            split = self.manifest.splits.get(unicodedata.normalize("NFC", speaker), split)
        split = split or self.draw_split(speaker)
        before, first = self._split_of.setdefault(speaker, (split, relative))
        if before != split:
            raise ValueError(
                f"expected every speaker in one split, got {speaker} in {before} ({first}) and in {split} ({relative})"
            )
        return Attribution(speaker, split, licence or self.licence)

    def _speaker_of(self, relative: str, root: Path | None) -> tuple[str, str, str]:
        if self.manifest is not None and self.manifest.videos:
            row = self.manifest.row_of(relative, root)
            if row is None:
                raise ValueError(
                    f"expected a row for every video in the manifest, found none with the file {relative}; its paths "
                    "are below the videos' folder, or below the manifest's"
                )
            return row[0], "", row[1]
        if self.pattern is None:
            path = PurePosixPath(relative)
            return (path.parts[0] if len(path.parts) > 1 else path.stem), "", ""
        match = re.search(self.pattern, relative)
        if match is None or not match["speaker"]:
            raise ValueError(f"expected every video's path to match {self.pattern!r}, got {relative}")
        split = match.groupdict().get("split") or ""
        if split:
            _check_split(split, relative)
        return match["speaker"], split, ""

    def draw_split(self, speaker: str) -> str:
        """Return the split that a speaker without one is drawn for."""
        digest = hashlib.sha256(f"{self.seed}/{speaker}".encode("utf-8", "backslashreplace")).digest()
        position = int.from_bytes(digest[:7], "big") / 2**56
        return "test" if position < self.test else "val" if position < self.test + self.val else "train"


def _check_split(name: str, where: str) -> None:
    if not _SPLIT_NAME.fullmatch(name):
        raise ValueError(
            f"expected a split's name of lowercase letters, digits and _ (train, val, …), got {name!r} in {where}"
        )
