"""Settings of the `paper` preset."""

from dataclasses import dataclass, field
from math import ceil

from a2k_nets.config.audio import AudioConfig
from a2k_nets.config.validation import check_kinds

#: Ablations in Table 1 of the paper.
VARIANTS = ("audio_only", "no_piv", "no_discriminator", "final")

#: Upsampling of the decoder: the paper's, or speech2gesture's.
UPSAMPLINGS = ("transposed", "nearest")


@dataclass(frozen=True, slots=True)
class PaperConfig:
    """Settings of the `paper` networks (paper, section 4; speech2gesture where the paper gives no value).

    Attributes:
        audio: The log-mel front end; the number of bands must be a multiple of 8.
        fps: Video frames per second.
        num_keypoints: K.
        dimensions: Coordinates per keypoint, 2 or 3.
        base_point: The keypoint that is subtracted from all; it stays at its position in the reference (section 4.5).
        stable_points: Keypoints that move with the skull, for the gains of head motion and expression at inference.
        frame_height: Height in pixels of the frames that keypoints are scaled to; 224 in the paper.
        face_size: Longer side in pixels to which the box of the reference's points is scaled; 0 keeps the pixels of the
            frame. The videos of VoxCeleb2 are crops with faces of about 140 px; this scales other frames alike.
        width: Factor on the channels of every layer; 1 in the paper.
        variant: Ablation, one of `VARIANTS`.
        upsampling: One of `UPSAMPLINGS`.
        levels: Downsampling steps of the audio encoder; T is padded to a multiple of 2 ** levels.
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
                "expected a whole number of samples per frame, got "
                f"{self.audio.sample_rate} samples and {self.fps} frames per second"
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
        """Audio samples per video frame."""
        return self.audio.sample_rate // self.fps

    @property
    def time_multiple(self) -> int:
        """The networks run on a multiple of this many video frames."""
        return int(2**self.levels)

    @property
    def smallest_spectrogram(self) -> int:
        """Number of spectrogram frames of the shortest input."""
        samples = self.time_multiple * self.samples_per_frame
        return (samples - self.audio.n_fft) // self.audio.hop_length + 1

    @property
    def motion_channels(self) -> int:
        """Coordinates of all keypoints, K · D."""
        return self.num_keypoints * self.dimensions

    @property
    def uses_reference(self) -> bool:
        """Whether the generator gets the reference face."""
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
        """Return the channels of a layer with `full` channels at width 1."""
        return max(1, round(full * self.width))

    def num_frames(self, num_samples: int) -> int:
        """Return the number of video frames for a number of samples: round(duration × fps), at least 1."""
        return max(1, round(num_samples / self.samples_per_frame))

    def padded_frames(self, num_frames: int) -> int:
        """Return the number of frames rounded up to a multiple of `time_multiple`."""
        return ceil(num_frames / self.time_multiple) * self.time_multiple
