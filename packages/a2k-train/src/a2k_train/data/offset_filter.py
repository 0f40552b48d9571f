"""Selection of clips whose audio and video are in sync."""

import logging
from collections.abc import Iterable, Iterator

from a2k_nets.sync import CONFIDENT
from kp_io import CorpusClip

logger = logging.getLogger(__name__)


def filter_by_sync_offset(clips: Iterable[CorpusClip], *, max_offset_ms: float) -> Iterator[CorpusClip]:
    """Yield the clips except those with a known sync offset above a limit; log how many are left out.

    An offset is known where its confidence is at least `a2k_nets.sync.CONFIDENT`; other clips are kept.

    Args:
        clips: Clips of a corpus that `a2k sync` has measured.
        max_offset_ms: Largest absolute offset between audio and video, milliseconds.

    Raises:
        ValueError: A clip has not been measured, or none is left.
    """
    count = kept = 0
    for clip in clips:
        if clip.sync_offset_ms is None or clip.sync_confidence is None:
            raise ValueError(
                f"expected the columns sync_offset_ms and sync_confidence for max_offset_ms = {max_offset_ms:g}, found "
                f"none for {clip.id}; `a2k sync CORPUS` measures the clips of a corpus from `kp-io build`"
            )
        count += 1
        if clip.sync_confidence < CONFIDENT or abs(clip.sync_offset_ms) <= max_offset_ms:
            kept += 1
            yield clip
    if count and not kept:
        raise ValueError(
            f"expected clips whose sound is at most {max_offset_ms:g} ms from the picture, got {count} that are "
            "further; `a2k sync CORPUS --apply COPY` corrects them"
        )
    logger.warning(
        "%d of %d clips are left out: sound and picture are more than %g ms apart", count - kept, count, max_offset_ms
    )
