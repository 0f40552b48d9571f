"""What a network is made of, as frozen dataclasses that are saved with every checkpoint."""

from dataclasses import dataclass, field

from a2k_nets.config.validation import check_kinds


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """How a waveform becomes a log-mel spectrogram.

    The defaults are speech2gesture's (window, hop, bands, HTK scale, magnitude), which the paper adapts. Padding each
    side with half of what a frame of samples lacks gives a whole number of spectrogram frames a video frame.

    Attributes:
        sample_rate: Samples a second.
        n_fft: Length of the Fourier transform, samples.
        win_length: Length of the periodic Hann window, samples.
        hop_length: Samples between spectrogram frames.
        n_mels: Number of mel bands.
        f_min: Lowest frequency, Hz.
        f_max: Highest frequency, Hz.
        log_offset: Added to the magnitude before the logarithm.
    """

    sample_rate: int = 16_000
    n_fft: int = 512
    win_length: int = 400
    hop_length: int = 160
    n_mels: int = 80
    f_min: float = 125.0
    f_max: float = 7_500.0
    log_offset: float = 1e-6

    def __post_init__(self) -> None:
        check_kinds(self)
        if not 0 < self.hop_length <= self.win_length <= self.n_fft:
            raise ValueError(
                "expected 0 < hop_length <= win_length <= n_fft, got "
                f"{self.hop_length}, {self.win_length}, {self.n_fft}"
            )
        if (self.n_fft - self.hop_length) % 2:
            raise ValueError(f"expected n_fft - hop_length to be even, got {self.n_fft} - {self.hop_length}")
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError(
                f"expected 0 <= f_min < f_max <= sample_rate / 2, got {self.f_min}, {self.f_max}, {self.sample_rate}"
            )
        if self.n_mels < 1 or self.log_offset <= 0:
            raise ValueError(
                f"expected n_mels of at least 1 and log_offset above 0, got {self.n_mels} and {self.log_offset}"
            )

    @property
    def padding(self) -> int:
        """Samples of silence on each side that make the number of spectrogram frames S / hop_length exactly."""
        return (self.n_fft - self.hop_length) // 2


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The `residual` preset's network.

    Attributes:
        audio: The log-mel front end.
        fps: Video frames a second.
        num_keypoints: K.
        base_point: The keypoint that carries the translation (paper, section 4.5).
        eye_corners: Outer eye corners, at the left and the right of the picture; their distance is the unit of length.
        stable_points: Keypoints that move with the skull and not with speech; they define the head's pose.
        lip_points: First and one-past-last lip keypoint, for the weighting of losses.
        width: Channels.
        dilations: Dilation of each residual block, in video frames.
        kernel_size: Taps of the blocks' convolutions.
        stem_kernel_size: Taps of the two strided convolutions that bring the spectrogram to `fps`.
        lookahead_hops: Spectrogram frames after a video frame's own that it may see.
        dropout: Probability of dropping a channel of a block's output in training.
        ease_in_frames: Frames over which a generated sequence leaves its reference, with which it begins.
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
    stem_kernel_size: int = 5
    lookahead_hops: int = 6
    dropout: float = 0.1
    ease_in_frames: int = 5

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.fps < 1:
            raise ValueError(f"expected fps of at least 1, got {self.fps}")
        if self.audio.sample_rate % self.fps or self.samples_per_frame % (4 * self.audio.hop_length):
            raise ValueError(
                "expected sample_rate / fps to be a multiple of 4 × hop_length, because two strides of 2 bring the "
                f"spectrogram to the frame rate; got {self.audio.sample_rate} / {self.fps} and {self.audio.hop_length}"
            )
        if self.samples_per_frame != 4 * self.audio.hop_length:
            raise ValueError(
                f"expected four spectrogram frames a video frame, got {self.samples_per_frame / self.audio.hop_length}"
            )
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
        if self.width < 1 or min(self.dilations, default=0) < 1 or self.lookahead_hops < 0 or self.ease_in_frames < 0:
            raise ValueError(
                "expected width >= 1, at least one dilation, all >= 1, and lookahead_hops and ease_in_frames >= 0, got "
                f"{self.width}, {self.dilations}, {self.lookahead_hops} and {self.ease_in_frames}"
            )
        if self.kernel_size < 1 or self.stem_kernel_size < 2 or not 0 <= self.dropout < 1:
            raise ValueError(
                "expected kernel_size >= 1, stem_kernel_size >= 2 and dropout in [0, 1), got "
                f"{self.kernel_size}, {self.stem_kernel_size} and {self.dropout}"
            )

    @property
    def samples_per_frame(self) -> int:
        """Audio samples a video frame."""
        return self.audio.sample_rate // self.fps

    @property
    def right_context_seconds(self) -> float:
        """How far after its own time stamp a frame hears, the Fourier window included."""
        last_hop = 3 + self.lookahead_hops
        return (last_hop * self.audio.hop_length - self.audio.padding + self.audio.n_fft) / self.audio.sample_rate

    def num_frames(self, num_samples: int) -> int:
        """Return the number of video frames of that many samples: round(duration × fps), at least 1."""
        return max(1, round(num_samples / self.samples_per_frame))
