"""Motion of clips relative to their references, in units that are only known after all clips were seen."""

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from a2k_nets.blocks import split_pose
from a2k_nets.config import MotionConfig
from a2k_train.statistics.head_tracks import measured_tracks
from a2k_train.statistics.running import RunningMoments

#: Frames of head motion that are kept to fit its process, eleven hours; that of further clips is not used.
MAX_TRACK_FRAMES = 1_000_000


class ClipMotion:
    """Expressions and head poses of clips, each relative to its clip's reference.

    They are measured in the pixels of the clip. The similarity that maps a reference to the canonical frame turns and
    scales them, so sums and products of each clip's coordinates are enough to know their deviation in that frame.

    Args:
        config: Stable points and base point.
    """

    def __init__(self, config: MotionConfig) -> None:
        self._config = config
        self._references: list[Tensor] = []
        # For every clip: frames, sums of x and y of all points, sums of xx, xy, yy. The last point is the head's shift.
        self._moments: list[Tensor] = []
        self._roll_and_scale = RunningMoments()
        self._tracks: list[tuple[int, Tensor]] = []
        self._track_frames = 0

    def add(self, keypoints: Float[Tensor, "t k 2"], measured: Bool[Tensor, " t"]) -> None:
        """Add a clip whose reference is its first measured frame; there must be one."""
        points = keypoints.cpu().double()
        reference = points[int(measured.int().argmax())]
        shape, pose = split_pose(
            points, reference, stable_points=self._config.stable_points, base_point=self._config.base_point
        )
        motion = torch.cat((shape - reference, pose[:, None, :2]), dim=1)[measured]
        x, y = motion.unbind(dim=-1)
        self._references.append(reference.float())
        self._moments.append(torch.stack([s.sum(dim=0) for s in (torch.ones_like(x), x, y, x * x, x * y, y * y)]))
        self._roll_and_scale.add(pose[measured, 2:])
        if self._track_frames < MAX_TRACK_FRAMES:
            for track in measured_tracks(pose, measured):
                self._tracks.append((len(self._references) - 1, track.float()))
                self._track_frames += len(track)

    @property
    def references(self) -> Float[Tensor, "c k 2"]:
        """The reference of each clip, pixels."""
        return torch.stack(self._references)

    def std(self, to_canonical: Float[Tensor, "c 4"]) -> tuple[Float64[Tensor, "k 2"], Float64[Tensor, " 4"]]:
        """Return the deviations of expression and pose, divided by N - 1, in the frame that the similarities map to."""
        a, b = to_canonical.cpu().double()[:, :2, None].unbind(dim=1)
        count, x, y, xx, xy, yy = torch.stack(self._moments).unbind(dim=1)
        sums = torch.stack((a * x - b * y, b * x + a * y)).sum(dim=1)
        squares = torch.stack((a * a * xx - 2 * a * b * xy + b * b * yy, b * b * xx + 2 * a * b * xy + a * a * yy)).sum(
            dim=1
        )
        total = count.sum(dim=0)
        variance = (squares - sums.square() / total) / (total - 1)
        std = variance.clamp(min=0).sqrt().mT
        return std[:-1], torch.cat((std[-1], self._roll_and_scale.std))

    def head_tracks(self, to_canonical: Float[Tensor, "c 4"]) -> list[Float[Tensor, "_ 4"]]:
        """Return the smoothed, centred head poses in the frame that the similarities map to."""
        tracks = []
        for clip, track in self._tracks:
            a, b = to_canonical[clip, :2].cpu()
            x, y = track[:, 0], track[:, 1]
            tracks.append(torch.cat((torch.stack((a * x - b * y, b * x + a * y), dim=1), track[:, 2:]), dim=1))
        return tracks
