"""Settings that the presets `residual` and `listener` share."""

from dataclasses import dataclass, field

from a2k_nets.config.audio import AudioConfig
from a2k_nets.config.head import HeadConfig
from a2k_nets.config.validation import check_kinds


@dataclass(frozen=True, slots=True)
class MotionConfig:
    """Settings of a network that predicts the displacements of a face from its reference.

    Attributes:
        audio: The log-mel front end.
        fps: Video frames per second.
        num_keypoints: K.
        base_point: The keypoint that carries the translation (paper, section 4.5).
        eye_corners: Outer eye corners, image left and image right; their distance is the unit of length.
        stable_points: Keypoints that move with the skull but not with speech; they define the head pose.
        lip_points: First and one-past-last lip keypoint, for the weighting of losses.
        width: Channels.
        dilations: Dilation of each residual block, in video frames.
        kernel_size: Taps of the convolutions in the blocks.
        dropout: Probability of dropping a channel of a block's output in training.
        fade_in_frames: Frames over which motion fades in; a generated sequence begins with its reference.
        head: Settings of the network that moves head and brows in space; None for the random head motion in the plane.
    """

    audio: AudioConfig = field(default_factory=AudioConfig)
    fps: int = 25
    num_keypoints: int = 68
    base_point: int = 27
    eye_corners: tuple[int, int] = (36, 45)
    stable_points: tuple[int, ...] = (27, 28, 29, 30, 33, 36, 39, 42, 45)
    lip_points: tuple[int, int] = (48, 68)
    width: int = 128
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 2, 4)
    kernel_size: int = 3
    dropout: float = 0.1
    fade_in_frames: int = 5
    head: HeadConfig | None = None

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.head is not None and (self.fps != 25 or self.audio.sample_rate != 16_000 or self.num_keypoints != 68):
            raise ValueError(
                "expected 25 fps, 16000 Hz and 68 keypoints with the head in space, got "
                f"{self.fps} fps, {self.audio.sample_rate} Hz and {self.num_keypoints} keypoints"
            )
        if self.fps < 1:
            raise ValueError(f"expected fps of at least 1, got {self.fps}")
        points = (self.base_point, *self.eye_corners, *self.stable_points, self.lip_points[0], self.lip_points[1] - 1)
        if min(points) < 0 or max(points) >= self.num_keypoints:
            raise ValueError(f"expected point indices in [0, {self.num_keypoints}), got {sorted(points)}")
        if (
            len(set(self.stable_points)) < 2
            or len(set(self.eye_corners)) < 2
            or self.lip_points[0] >= self.lip_points[1]
        ):
            raise ValueError(
                "expected at least two stable_points, two different eye_corners and lip_points in order, got "
                f"{self.stable_points}, {self.eye_corners} and {self.lip_points}"
            )
        if self.width < 1 or min(self.dilations, default=0) < 1 or self.fade_in_frames < 0:
            raise ValueError(
                "expected width >= 1, at least one dilation, all >= 1, and fade_in_frames >= 0, got "
                f"{self.width}, {self.dilations} and {self.fade_in_frames}"
            )
        if self.kernel_size < 1 or not 0 <= self.dropout < 1:
            raise ValueError(
                f"expected kernel_size >= 1 and dropout in [0, 1), got {self.kernel_size} and {self.dropout}"
            )

    @property
    def samples_per_frame(self) -> int:
        """Audio samples per video frame."""
        return self.audio.sample_rate // self.fps

    def num_frames(self, num_samples: int) -> int:
        """Return the number of video frames for a number of samples: round(duration × fps), at least 1."""
        return max(1, round(num_samples / self.samples_per_frame))
