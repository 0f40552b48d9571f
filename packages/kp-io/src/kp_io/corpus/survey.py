"""Survey the planned videos of a corpus, and warn of probable mistakes in speakers and splits."""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from kp_io.annotation.media_files import PassedOver
from kp_io.corpus.options import CorpusOptions
from kp_io.corpus.sources import VideoEntry, plan_shards
from kp_io.corpus.speakers import FOLDER_LAYOUTS

logger = logging.getLogger(__name__)

#: Folders that hold everything count as splits or sessions, not speakers, up to this number.
_FEW_FOLDERS = 3

#: Largest number of speakers that a warning names.
_MAX_NAMED = 5

#: What begins the names of one speaker's files, as patterns for paths: a first word, or all before a last number.
_FIRST_WORD = r"^(?P<speaker>[^/_\-. ]+)"
_BEFORE_NUMBER = r"^(?P<speaker>[^/]+?)[_\-. ]*\d*\.\w+$"


def survey_videos(root: Path, options: CorpusOptions) -> "Survey":
    """Read the names below a folder once; log what is passed over, and probable mistakes.

    Raises:
        FileNotFoundError: `root` is no folder.
        ValueError: There is no video, or one cannot be attributed.
    """
    survey, passed_over = Survey(options), PassedOver("videos")
    plan = plan_shards(root, options.speakers(), clips_per_shard=options.clips_per_shard, passed_over=passed_over)
    for video in (video for shard in plan for video in shard.videos):
        survey.add(video)
    passed_over.report(root)
    survey.report(root)
    return survey


class Survey:
    """The videos of a corpus in numbers, before any is opened.

    Args:
        options: Options of the corpus.
    """

    def __init__(self, options: CorpusOptions) -> None:
        self._options = options
        self.num_videos = 0
        self._splits: Counter[str] = Counter()
        self._folders: Counter[str] = Counter()
        self._by_word: Counter[str] = Counter()
        self._by_number: Counter[str] = Counter()
        self._num_flat = self._num_nested = self._num_voxceleb2 = 0
        self._speakers: set[str] = set()

    def add(self, video: VideoEntry) -> None:
        """Count one video."""
        self.num_videos += 1
        self._splits[video.split] += 1
        self._speakers.add(video.speaker)
        parts = PurePosixPath(video.relative).parts
        if len(parts) > 1:
            self._folders[parts[0]] += 1
            self._num_nested += len(parts) > 2
            self._num_voxceleb2 += re.search(FOLDER_LAYOUTS["voxceleb2"], video.relative) is not None
            return
        self._num_flat += 1
        for counts, pattern in ((self._by_word, _FIRST_WORD), (self._by_number, _BEFORE_NUMBER)):
            if (match := re.search(pattern, video.relative)) is not None:
                counts[match["speaker"].casefold()] += 1

    def report(self, folder: Path) -> None:
        """Log probable mistakes, one warning each."""
        for warning in self.warnings():
            logger.warning("%s: %s", folder, warning)

    def warnings(self) -> Iterator[str]:
        """Yield probable mistakes in speakers and splits, each with the option that helps."""
        options = self._options
        if options.speaker_pattern is None and options.layout is None and options.manifest is None:
            if (shared := self._shared_names()) is not None:
                pattern, counts = shared
                names = ", ".join(f"{name} ({count})" for name, count in counts.most_common(_MAX_NAMED))
                yield (
                    f"each of {self._num_flat} videos counts as a speaker of its own, but names begin alike: {names}. "
                    f"If one person speaks in several, use --speaker-pattern '{pattern}' or a --manifest; otherwise "
                    "the same person may be in train and in test"
                )
            if 0 < len(self._folders) <= _FEW_FOLDERS and not self._num_flat and self.num_videos > len(self._folders):
                yield (
                    f"{self.num_videos} videos count as {_speakers(len(self._folders))}, named by the first folder: "
                    f"{', '.join(sorted(self._folders))}. If these are no speakers, use {self._hint()} or a --manifest"
                )
        drawn = [("val", options.val), ("test", options.test)]
        empty = [name for name, share in drawn if share > 0 and not self._splits[name]]
        if empty and self.num_videos:
            yield f"no video is in {' or '.join(empty)}: {self._share_hint(empty)}"

    def _shared_names(self) -> tuple[str, Counter[str]] | None:
        """Return the pattern and the counts of the beginnings that several names share; None if hardly any does."""
        found: list[tuple[bool, int, str, Counter[str]]] = []
        for pattern, counts, least in ((_FIRST_WORD, self._by_word, 0.5), (_BEFORE_NUMBER, self._by_number, 0.0)):
            shared = Counter({name: n for name, n in counts.items() if n > 1 and re.search(r"[^\W\d_]", name)})
            if shared and shared.total() >= least * self._num_flat:
                found.append((len(counts) > 1, shared.total(), pattern, shared))
        if not found:
            return None
        _, _, pattern, shared = max(found, key=lambda item: item[:2])
        return pattern, shared

    def _hint(self) -> str:
        """Return the option that finds the speakers in folders that are none."""
        if self._num_voxceleb2 == self.num_videos:
            return "--layout voxceleb2"
        if self._num_nested == self.num_videos:
            return "--speaker-pattern '^[^/]+/(?P<speaker>[^/]+)/'"
        return r"--speaker-pattern '(?P<speaker>[^/_\-. ]+)[^/]*$'"

    def _share_hint(self, empty: list[str]) -> str:
        """Return how splits that nobody was drawn for get speakers."""
        options = self._options
        count = _speakers(len(self._speakers))
        if len(self._speakers) <= len(empty):
            return f"{count} cannot be divided into train, {' and '.join(empty)}; add videos of other people"
        manifest = "name speakers for it in the column split of a --manifest"
        speakers = options.speakers()
        if speakers.manifest is not None and speakers.manifest.splits:
            return manifest
        for share in (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4):
            speakers.val, speakers.test = max(share, options.val), max(share, options.test) if options.test else 0.0
            if {speakers.draw_split(name) for name in self._speakers} >= {"train", *empty}:
                shares = f"--val {speakers.val:g}" + (f" --test {speakers.test:g}" if options.test else "")
                return f"nobody was drawn out of {count}; start anew with {shares}, or {manifest}"
        return f"nobody was drawn out of {count}; start anew with another --seed, or {manifest}"


def _speakers(count: int) -> str:
    return "1 speaker" if count == 1 else f"{count} speakers"
