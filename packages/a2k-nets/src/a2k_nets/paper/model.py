"""The `paper` model: waveform and reference face in, keypoints out."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.blocks.constants import select_points
from a2k_nets.blocks.driving_motion import check_driving, ping_pong
from a2k_nets.blocks.input_checks import check_inputs
from a2k_nets.blocks.log_mel import LogMelSpectrogram
from a2k_nets.blocks.similarity import compose_pose, fit_similarity, split_pose
from a2k_nets.checkpoints.pretrained_mixin import PretrainedMixin
from a2k_nets.config.paper import PaperConfig
from a2k_nets.config.renamed import accept_renamed
from a2k_nets.paper.encoders import PoseInvariantEncoder
from a2k_nets.paper.generator import PaperGenerator
from a2k_nets.paper.normalizer import PaperNormalizer


class PaperAudio2Keypoint(PretrainedMixin):
    """Generates facial keypoints from speech and one reference face as the paper does (section 4).

    Unlike `Audio2Keypoint`, the `residual` preset, it needs the whole waveform at once, so it does not stream; it is
    deterministic; and its keypoints are pixels of frames `config.frame_height` high (see `input_scale`).

    Args:
        config: Settings of the networks.

    Example:
        >>> model = PaperAudio2Keypoint(PaperConfig(width=0.1)).eval()
        >>> reference = 30 * torch.randn(1, 68, 2) + 112
        >>> model(torch.zeros(1, 16_000), reference).shape
        torch.Size([1, 25, 68, 2])
    """

    presets = ("paper",)
    config: PaperConfig

    def __init__(self, config: PaperConfig | None = None) -> None:
        super().__init__()
        self.config = config or PaperConfig()
        self.log_mel = LogMelSpectrogram(self.config.audio, padded=False)
        self.normalizer = PaperNormalizer(self.config)
        self.generator = PaperGenerator(self.config)
        self.piv_encoder = PoseInvariantEncoder(self.config) if self.config.has_piv_encoder else None

    @accept_renamed(rest_lips="neutralize_mouth")
    def forward(
        self,
        waveform: Float[Tensor, "b s"],
        reference: Float[Tensor, "b k d"],
        *,
        head_motion: float = 1.0,
        expression: float = 1.0,
        blink: float = 1.0,
        neutralize_mouth: bool = False,
        driving: Float[Tensor, "b u k 2"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b t k d"]:
        """Return keypoints, T = round(S / sample_rate × fps), at least 1; the base point does not move.

        Args:
            waveform: Mono speech in [-1, 1] at `config.audio.sample_rate`; any length.
            reference: The person's keypoints, pixels of a frame `config.frame_height` high.
            head_motion: Gain of the head motion relative to the reference (2-D keypoints only).
            expression: Gain of the motion of lips, jaw, brows and lids (2-D keypoints only).
            blink: No effect; the network generates the lids.
            neutralize_mouth: No effect; the network generates the mouth.
            driving: Keypoints of another sequence, in any pixels, whose head motion replaces the predicted one; looped
                back and forth if it is shorter (2-D keypoints only).
            generator: No effect; nothing is random.

        Raises:
            ValueError: A shape is wrong, or a value is not finite.
        """
        check_inputs(waveform, reference, num_keypoints=self.config.num_keypoints, dimensions=self.config.dimensions)
        num_frames = self.config.num_frames(waveform.shape[1])
        keypoints = self.predict_keypoints(self.encode_audio(waveform), reference, num_frames)
        if self.config.dimensions == 3 or (head_motion == expression == 1.0 and driving is None):
            return keypoints
        stable, base = self.config.stable_points, self.config.base_point
        shape, pose = split_pose(keypoints, reference, stable_points=stable, base_point=base)
        if driving is not None:
            check_driving(driving, reference)
            pose = ping_pong(self._driving_pose(driving, reference), 0, keypoints.shape[1])
        shape = reference[:, None] + expression * (shape - reference[:, None])
        return compose_pose(shape, head_motion * pose, reference, base_point=base)

    def _driving_pose(
        self, driving: Float[Tensor, "b u k 2"], reference: Float[Tensor, "b k 2"]
    ) -> Float[Tensor, "b u 4"]:
        """Return the driving head's pose relative to its first frame, with shifts in the pixels of the reference."""
        first = driving[:, 0]
        stable, base = self.config.stable_points, self.config.base_point
        _, pose = split_pose(driving, first, stable_points=stable, base_point=base)
        size = fit_similarity(select_points(first, stable), select_points(reference, stable))[:, None, :2].norm(dim=-1)
        return torch.cat((pose[..., :2] * size[..., None], pose[..., 2:]), dim=-1)

    def encode_audio(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b m f"]:
        """Return the log-mel spectrogram of a whole multiple of 2 ** levels video frames.

        The waveform is padded with its reflection, or with silence if it is too short for that.
        """
        frames = self.config.padded_frames(self.config.num_frames(waveform.shape[1]))
        missing = frames * self.config.samples_per_frame - waveform.shape[1]
        mode = "reflect" if missing < waveform.shape[1] else "constant"
        log_mel: Tensor = self.log_mel(F.pad(waveform, (0, missing), mode=mode) if missing else waveform)
        return log_mel

    def predict_keypoints(
        self,
        log_mel: Float[Tensor, "b m f"],
        reference: Float[Tensor, "b k d"],
        num_frames: int,
        padded_frames: int | None = None,
    ) -> Float[Tensor, "b t k d"]:
        """Return the keypoints of `num_frames` frames for the output of `encode_audio` and a reference, in pixels."""
        encoded = self.normalizer.encode(reference[:, None]).squeeze(2)
        motion = self.predict(log_mel, encoded, padded_frames)
        return self.normalizer.decode(motion[..., :num_frames], reference[:, self.config.base_point, None])

    def predict(
        self, log_mel: Float[Tensor, "b m f"], reference: Float[Tensor, "b c"], num_frames: int | None = None
    ) -> Float[Tensor, "b c t"]:
        """Return normalised keypoints for the output of `encode_audio` and a normalised reference.

        Args:
            log_mel: Log-mel bands.
            reference: Normalised reference.
            num_frames: Frames of the spectrogram, padding included; by default computed from it.
        """
        code = None if self.piv_encoder is None else self.piv_encoder(reference[..., None])
        if num_frames is None:
            num_frames = self._num_padded_frames(log_mel)
        faces: Tensor = self.generator(log_mel, reference, code, num_frames)
        return faces

    def _num_padded_frames(self, log_mel: Tensor) -> int:
        """Return the number of video frames of a spectrogram, which lacks less than one frame at its ends."""
        audio = self.config.audio
        samples = (log_mel.shape[2] - 1) * audio.hop_length + audio.n_fft
        return self.config.padded_frames(round(samples / self.config.samples_per_frame))

    def input_scale(self, reference: Float[Tensor, "k d"], image_height: int) -> float:
        """Return the factor from pixels of an image of a given height to those of the model's frame."""
        if self.config.face_size == 0:
            return self.config.frame_height / image_height
        points = reference[:, :2]
        return self.config.face_size / float((points.amax(dim=0) - points.amin(dim=0)).max())
