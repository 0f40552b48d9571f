"""What a network of the `paper` preset is made of."""

from dataclasses import dataclass, field
from math import ceil

from a2k_nets.config.residual import AudioConfig
from a2k_nets.config.validation import check_kinds

#: The rows of the paper's Table 1: what is left away.
VARIANTS = ("audio_only", "no_piv", "no_discriminator", "final")

#: How the decoder doubles time: as the paper does, or as speech2gesture does.
UPSAMPLINGS = ("transposed", "nearest")


@dataclass(frozen=True, slots=True)
class PaperConfig:
    """The `paper` preset's networks (paper, section 4; speech2gesture where the paper is silent).

    Attributes:
        audio: The log-mel front end; the number of bands must be a multiple of 8.
        fps: Video frames a second.
        num_keypoints: K.
        dimensions: Coordinates of a keypoint, 2 or 3.
        base_point: The keypoint that is subtracted from all, and stays where the reference has it (section 4.5).
        stable_points: Keypoints that move with the skull, for the gains of head and expression at inference.
        frame_height: Height in pixels of the frames that keypoints are scaled to: the paper's videos have 224.
        face_size: Longer side in pixels that the box of the reference's points is brought to; 0 keeps the pixels of the
            frame. The paper's videos, VoxCeleb2's, are crops in which every face is about 140 px large; where frames
            are no such crops, this makes them alike.
        width: Factor on the number of channels of every layer; 1 is the paper's.
        variant: What is left away, for the ablation of Table 1: one of `VARIANTS`.
        upsampling: One of `UPSAMPLINGS`.
        levels: How often the audio encoder halves time; T is padded to a multiple of 2 ** levels.
    """

    audio: AudioConfig = field(default_factory=lambda: AudioConfig(n_mels=64))
    fps: int = 25
    num_keypoints: int = 68
    dimensions: int = 2
    base_point: int = 27
    stable_points: tuple[int, ...] = (27, 28, 29, 30, 33, 36, 39, 42, 45)
    frame_height: int = 224
    face_size: float = 0.0
    width: float = 1.0
    variant: str = "final"
    upsampling: str = "transposed"
    levels: int = 5

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.fps < 1:
            raise ValueError(f"expected fps of at least 1, got {self.fps}")
        if self.audio.sample_rate % self.fps:
            raise ValueError(
                "expected a whole number of samples a frame, got "
                f"{self.audio.sample_rate} samples and {self.fps} frames a second"
            )
        if self.audio.n_mels % 8:
            raise ValueError(f"expected n_mels to be a multiple of 8 (three strides of 2), got {self.audio.n_mels}")
        if self.dimensions not in (2, 3):
            raise ValueError(f"expected 2 or 3 dimensions, got {self.dimensions}")
        points = (self.base_point, *self.stable_points)
        if min(points) < 0 or max(points) >= self.num_keypoints:
            raise ValueError(f"expected point indices in [0, {self.num_keypoints}), got {sorted(points)}")
        if len(set(self.stable_points)) < 2:
            raise ValueError(f"expected at least two stable_points, got {self.stable_points}")
        if self.width <= 0 or self.frame_height <= 0 or self.face_size < 0 or self.levels < 1:
            raise ValueError(
                "expected width and frame_height above 0, face_size from 0 up and at least one level, got "
                f"{self.width}, {self.frame_height}, {self.face_size} and {self.levels}"
            )
        for name, value, valid in (("variant", self.variant, VARIANTS), ("upsampling", self.upsampling, UPSAMPLINGS)):
            if value not in valid:
                raise ValueError(f"expected {name} to be one of {', '.join(valid)}, got {value!r}")
        if self.smallest_spectrogram // 8 < 3:
            raise ValueError(f"expected at least 24 spectrogram frames in 2 ** levels video frames, got {self}")

    @property
    def samples_per_frame(self) -> int:
        """Audio samples a video frame."""
        return self.audio.sample_rate // self.fps

    @property
    def time_multiple(self) -> int:
        """The networks see a multiple of this many video frames."""
        return int(2**self.levels)

    @property
    def smallest_spectrogram(self) -> int:
        """Spectrogram frames of the shortest input."""
        samples = self.time_multiple * self.samples_per_frame
        return (samples - self.audio.n_fft) // self.audio.hop_length + 1

    @property
    def motion_channels(self) -> int:
        """Coordinates of all keypoints, K · D."""
        return self.num_keypoints * self.dimensions

    @property
    def sees_reference(self) -> bool:
        """Whether the generator is given the reference face."""
        return self.variant != "audio_only"

    @property
    def has_piv_encoder(self) -> bool:
        """Whether there is a pose-invariant encoder."""
        return self.variant in ("no_discriminator", "final")

    @property
    def has_discriminator(self) -> bool:
        """Whether training has a discriminator."""
        return self.variant != "no_discriminator"

    def channels(self, full: int) -> int:
        """Return the channels of a layer that has `full` of them at width 1."""
        return max(1, round(full * self.width))

    def num_frames(self, num_samples: int) -> int:
        """Return the number of video frames of that many samples: round(duration × fps), at least 1."""
        return max(1, round(num_samples / self.samples_per_frame))

    def padded_frames(self, num_frames: int) -> int:
        """Return the number of frames that the networks see for so many."""
        return ceil(num_frames / self.time_multiple) * self.time_multiple
