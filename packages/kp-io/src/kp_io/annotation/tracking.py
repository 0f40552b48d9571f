"""Track the faces of one shot of a video: start, verify, lose and reacquire tracks, and extend them backwards."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from kp_io.detectors.base import Detection, LandmarkDetector

Image = UInt8[np.ndarray, "h w 3"]

# Tracked faces are compared with new detections this often, so that no track can persist on the background.
_CHECK_SECONDS = 2.0

# Faces found after frames without any are tracked backwards into those frames, up to this far.
_BACKTRACK_SECONDS = 2.0

# Faces this close to each other, in face sizes, are the same.
_SAME = 0.5

# With several tracks, a lost face is reacquired within this distance, in its own sizes; a single one anywhere.
_REACQUIRE = 1.0


class FaceTracks:
    """Tracks of the faces of one shot.

    Args:
        detector: Detects and tracks them.
        fps: Frames per second.
        max_faces: Maximum number of simultaneous tracks. A single track that is lost continues at any face found later.
        face: The face with which a single track starts, in the first frame with enough of them; 0 is the largest.
        previous: Keypoints of the face in the previous shot: a single track starts there if a face is still there.
    """

    def __init__(
        self,
        detector: LandmarkDetector,
        *,
        fps: float,
        max_faces: int = 1,
        face: int = 0,
        previous: Float[Tensor, "k d"] | None = None,
    ) -> None:
        self._detector, self.max_faces, self._face, self._previous = detector, max_faces, face, previous
        self._check_every = max(1, round(_CHECK_SECONDS * fps))
        self._last_check = 0
        self._empty_frames: deque[Image] = deque(maxlen=max(1, round(_BACKTRACK_SECONDS * fps)))
        self._tracks: list[_Track] = []
        self.num_frames = 0

    def ranked(self) -> list[dict[int, Detection]]:
        """Return the detections of each face by frame, the face visible longest first."""
        return [track.found for track in sorted(self._tracks, key=lambda track: -len(track.found))]

    def add_frames(self, chunk: Sequence[Image]) -> None:
        """Track the faces through the next frames."""
        for i, image in enumerate(chunk):
            index = self.num_frames
            for track in self._tracks:
                if track.current is not None:
                    track.ahead = track.ahead or self._detector.track(chunk[i:], track.current[0])
                    track.set(index, track.ahead.pop(0))
            is_due = i == len(chunk) - 1 and index + 1 - self._last_check >= self._check_every
            if is_due or not self._active() or any(index - t.last_index <= self._check_every for t in self._inactive()):
                self._last_check = index + 1
                detected = self._detector.detect(image)
                if self.max_faces == 1:
                    self._update_single(detected, index)
                else:
                    self._update_several(detected, index)
            if self._active():
                self._track_back(index)
            else:
                self._empty_frames.append(image)
            self.num_frames += 1

    def _active(self) -> list["_Track"]:
        return [track for track in self._tracks if track.current is not None]

    def _inactive(self) -> list["_Track"]:
        return [track for track in self._tracks if track.current is None]

    def _update_single(self, detected: list[Detection], index: int) -> None:
        if not self._tracks:
            near = None if self._previous is None else _nearest(detected, self._previous, within=_SAME)
            chosen = near or (detected[self._face] if self._face < len(detected) else None)
            if chosen is not None:
                self._tracks.append(_Track(index, chosen))
            return
        [track] = self._tracks
        # The box detector misses turned faces, so an empty result proves nothing; only faces elsewhere end a track.
        if detected and (track.current is None or _nearest(detected, track.last, within=_SAME) is None):
            track.set(index, _nearest(detected, track.last, within=float("inf")))

    def _update_several(self, detected: list[Detection], index: int) -> None:
        free = list(detected)
        for track in sorted(self._active(), key=lambda track: -len(track.found)):
            if (same := _nearest(free, track.last, within=_SAME)) is not None:
                free = [face for face in free if face is not same]
            elif any(_distance(track.last, t.last) < _SAME for t in self._active() if t is not track):
                track.set(index, None)  # two tracks have converged on one face
        for track in sorted(self._inactive(), key=lambda track: -track.last_index):
            if (same := _nearest(free, track.last, within=_REACQUIRE)) is not None:
                free = [face for face in free if face is not same]
                track.set(index, same)
        self._tracks += [_Track(index, face) for face in free[: self.max_faces - len(self._active())]]
        # Of the lost faces, keep only those that may still be the ones visible longest.
        lost = sorted(self._inactive(), key=lambda track: -len(track.found))
        self._tracks = [track for track in self._tracks if track not in lost[self.max_faces :]]

    def _track_back(self, index: int) -> None:
        """Track the faces of this frame backwards through the frames without faces just before it."""
        if not self._empty_frames:
            return
        images = list(reversed(self._empty_frames))
        for track in self._active():
            back = self._detector.track(images, track.last)
            track.found.update({index - 1 - i: face for i, face in enumerate(back) if face is not None})
        self._empty_frames.clear()


class _Track:
    """Track of one face: detections by frame, the current one, and those computed ahead."""

    def __init__(self, index: int, face: Detection) -> None:
        self.found: dict[int, Detection] = {}
        self.ahead: list[Detection | None] = []
        self.set(index, face)

    def set(self, index: int, face: Detection | None) -> None:
        """Set the face's detection in a frame; None if it is not visible."""
        self.current = face
        if face is None:
            self.ahead = []
            self.found.pop(index, None)
        else:
            self.found[index], self.last, self.last_index = face, face[0], index


def _nearest(faces: list[Detection], points: Float[Tensor, "k d"], *, within: float) -> Detection | None:
    """Return the face nearest to the points, closer than `within` of their sizes; None if there is none."""
    near = [(distance, i) for i, face in enumerate(faces) if (distance := _distance(face[0], points)) < within]
    return faces[min(near)[1]] if near else None


def _distance(points: Float[Tensor, "k d"], other: Float[Tensor, "k d"]) -> float:
    """Return the distance of two faces, in sizes of the second one."""
    size = (other.amax(dim=0) - other.amin(dim=0)).max().clamp(min=1.0)
    return float((points.mean(dim=0) - other.mean(dim=0)).norm() / size)
