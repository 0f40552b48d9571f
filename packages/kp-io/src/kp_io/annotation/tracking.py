"""Following the faces of one shot of a video: tracks that are begun, checked, lost, found again and followed back."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from kp_io.detectors.base import Detection, LandmarkDetector

Image = UInt8[np.ndarray, "h w 3"]

# Tracked faces are compared with freshly detected ones this often, so that no track can live on in the wallpaper.
_CHECK_SECONDS = 2.0

# When faces are found after none was to be seen, they are followed back into the frames before, as many as these.
_BACKTRACK_SECONDS = 2.0

# Faces this near to each other, in sizes of a face, are the same.
_SAME = 0.5

# Of several faces, one that was lost is looked for this far from where it was, in its own sizes; a single one anywhere.
_REACH = 1.0


class FaceTracks:
    """The faces of one shot.

    Args:
        detector: What finds and follows them.
        fps: Frames a second.
        most: How many are followed at once. A single one, once lost, is taken up again wherever a face is found.
        face: Which face of the first frame that has as many a single track begins with, 0 being the largest.
        near: Where the face was in the shot before: a single track begins there if a face is there still.
    """

    def __init__(
        self,
        detector: LandmarkDetector,
        *,
        fps: float,
        most: int = 1,
        face: int = 0,
        near: Float[Tensor, "k d"] | None = None,
    ) -> None:
        self._detector, self.most, self._face, self._near = detector, most, face, near
        self._check_every = max(1, round(_CHECK_SECONDS * fps))
        self._checked = 0
        self._lost: deque[Image] = deque(maxlen=max(1, round(_BACKTRACK_SECONDS * fps)))
        self._tracks: list[_Track] = []
        self.num_frames = 0

    def ranked(self) -> list[dict[int, Detection]]:
        """Return where each face was, by frame: the face that was seen longest first."""
        return [track.found for track in sorted(self._tracks, key=lambda track: -len(track.found))]

    def follow(self, chunk: Sequence[Image]) -> None:
        """Take in the next frames."""
        for i, image in enumerate(chunk):
            index = self.num_frames
            for track in self._tracks:
                if track.current is not None:
                    track.ahead = track.ahead or self._detector.track(chunk[i:], track.current[0])
                    track.put(index, track.ahead.pop(0))
            is_due = i == len(chunk) - 1 and index + 1 - self._checked >= self._check_every
            if is_due or not self._live() or any(index - t.last_index <= self._check_every for t in self._missing()):
                self._checked = index + 1
                detected = self._detector.detect(image)
                if self.most == 1:
                    self._keep_one(detected, index)
                else:
                    self._keep_many(detected, index)
            if self._live():
                self._track_back(index)
            else:
                self._lost.append(image)
            self.num_frames += 1

    def _live(self) -> list["_Track"]:
        return [track for track in self._tracks if track.current is not None]

    def _missing(self) -> list["_Track"]:
        return [track for track in self._tracks if track.current is None]

    def _keep_one(self, detected: list[Detection], index: int) -> None:
        if not self._tracks:
            near = None if self._near is None else _nearest(detected, self._near, within=_SAME)
            chosen = near or (detected[self._face] if self._face < len(detected) else None)
            if chosen is not None:
                self._tracks.append(_Track(index, chosen))
            return
        [track] = self._tracks
        # The box detector misses turned faces, so finding nothing says nothing; only faces elsewhere end a track.
        if detected and (track.current is None or _nearest(detected, track.last, within=_SAME) is None):
            track.put(index, _nearest(detected, track.last, within=float("inf")))

    def _keep_many(self, detected: list[Detection], index: int) -> None:
        free = list(detected)
        for track in sorted(self._live(), key=lambda track: -len(track.found)):
            if (same := _nearest(free, track.last, within=_SAME)) is not None:
                free = [face for face in free if face is not same]
            elif any(_distance(track.last, t.last) < _SAME for t in self._live() if t is not track):
                track.put(index, None)  # two tracks have come to follow one face
        for track in sorted(self._missing(), key=lambda track: -track.last_index):
            if (same := _nearest(free, track.last, within=_REACH)) is not None:
                free = [face for face in free if face is not same]
                track.put(index, same)
        self._tracks += [_Track(index, face) for face in free[: self.most - len(self._live())]]
        # Of faces that are gone, only those are remembered that may turn out to have been there longest.
        gone = sorted(self._missing(), key=lambda track: -len(track.found))
        self._tracks = [track for track in self._tracks if track not in gone[self.most :]]

    def _track_back(self, index: int) -> None:
        """Follow the faces of this frame back into those before that showed none, as far as they can be seen."""
        if not self._lost:
            return
        images = list(reversed(self._lost))
        for track in self._live():
            back = self._detector.track(images, track.last)
            track.found.update({index - 1 - i: face for i, face in enumerate(back) if face is not None})
        self._lost.clear()


class _Track:
    """One face: where it was found, by frame, where it is now, and what is known of the frames ahead."""

    def __init__(self, index: int, face: Detection) -> None:
        self.found: dict[int, Detection] = {}
        self.ahead: list[Detection | None] = []
        self.put(index, face)

    def put(self, index: int, face: Detection | None) -> None:
        """Set where the face is in a frame; None where it is not to be seen."""
        self.current = face
        if face is None:
            self.ahead = []
            self.found.pop(index, None)
        else:
            self.found[index], self.last, self.last_index = face, face[0], index


def _nearest(faces: list[Detection], points: Float[Tensor, "k d"], *, within: float) -> Detection | None:
    """Return the face that is nearest to points; None where all are as far as `within`, in sizes of the points."""
    near = [(distance, i) for i, face in enumerate(faces) if (distance := _distance(face[0], points)) < within]
    return faces[min(near)[1]] if near else None


def _distance(points: Float[Tensor, "k d"], other: Float[Tensor, "k d"]) -> float:
    """Return how far two faces are apart, in sizes of the second one."""
    size = (other.amax(dim=0) - other.amin(dim=0)).max().clamp(min=1.0)
    return float((points.mean(dim=0) - other.mean(dim=0)).norm() / size)
