"""The paper's model: waveform and reference face in, keypoints out."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets.blocks.driving_motion import back_and_forth, check_driving
from a2k_nets.blocks.input_checks import check_inputs
from a2k_nets.blocks.log_mel import LogMelSpectrogram
from a2k_nets.blocks.similarity import compose_pose, fit_similarity, split_pose
from a2k_nets.checkpoints.pretrained_mixin import SharedModel
from a2k_nets.config.paper import PaperConfig
from a2k_nets.paper.encoders import PoseInvariantEncoder
from a2k_nets.paper.generator import PaperGenerator
from a2k_nets.paper.normalizer import PaperNormalizer


class PaperAudio2Keypoint(SharedModel):
    """Generates facial keypoints from speech and one reference face as the paper does (section 4).

    Against `Audio2Keypoint`, the `residual` preset, it hears the whole speech at once, so it does not stream; it draws
    nothing at random; and its keypoints are pixels of frames `config.frame_height` high (see `input_scale`).

    Args:
        config: The networks' settings.

    Example:
        >>> model = PaperAudio2Keypoint(PaperConfig(width=0.1)).eval()
        >>> reference = 30 * torch.randn(1, 68, 2) + 112
        >>> model(torch.zeros(1, 16_000), reference).shape
        torch.Size([1, 25, 68, 2])
    """

    preset = "paper"
    config: PaperConfig

    def __init__(self, config: PaperConfig | None = None) -> None:
        super().__init__()
        self.config = config or PaperConfig()
        self.log_mel = LogMelSpectrogram(self.config.audio, padded=False)
        self.normalizer = PaperNormalizer(self.config)
        self.generator = PaperGenerator(self.config)
        self.piv_encoder = PoseInvariantEncoder(self.config) if self.config.has_piv_encoder else None

    def forward(
        self,
        waveform: Float[Tensor, "b s"],
        reference: Float[Tensor, "b k d"],
        *,
        head_motion: float = 1.0,
        expression: float = 1.0,
        blink: float = 1.0,
        rest_lips: bool = False,
        driving: Float[Tensor, "b u k 2"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b t k d"]:
        """Return keypoints, T = round(S / sample_rate × fps), at least 1; the base point stays the reference's.

        Args:
            waveform: Mono speech in [-1, 1] at `config.audio.sample_rate`; any length.
            reference: The person's keypoints, pixels of a frame `config.frame_height` high.
            head_motion: Gain of the head's movement against the reference (2-D keypoints only).
            expression: Gain of the movement of lips, jaw, brows and lids (2-D keypoints only).
            blink: Without effect; the network moves the lids as it has learnt to.
            rest_lips: Without effect; the network moves a smile as it has learnt to.
            driving: Keypoints of another sequence, in any pixels, whose head motion this head follows, back and forth
                if it is shorter (2-D keypoints only).
            generator: Without effect; nothing is drawn.

        Raises:
            ValueError: A shape, or a value that is not finite.
        """
        check_inputs(waveform, reference, num_keypoints=self.config.num_keypoints, dimensions=self.config.dimensions)
        encoded = self.normalizer.encode(reference[:, None]).squeeze(2)
        motion = self.predict(self.encode_audio(waveform), encoded)
        keypoints = self.normalizer.decode(
            motion[..., : self.config.num_frames(waveform.shape[1])], reference[:, [self.config.base_point]]
        )
        if self.config.dimensions == 3 or (head_motion == expression == 1.0 and driving is None):
            return keypoints
        stable, base = self.config.stable_points, self.config.base_point
        shape, pose = split_pose(keypoints, reference, stable_points=stable, base_point=base)
        if driving is not None:
            check_driving(driving, reference)
            pose = back_and_forth(self._pose_of(driving, reference), 0, keypoints.shape[1])
        shape = reference[:, None] + expression * (shape - reference[:, None])
        return compose_pose(shape, head_motion * pose, reference, base_point=base)

    def _pose_of(self, driving: Float[Tensor, "b u k 2"], reference: Float[Tensor, "b k 2"]) -> Float[Tensor, "b u 4"]:
        """Return the driving head's pose against its first frame, its shift in the pixels of the reference."""
        first = driving[:, 0]
        stable, base = self.config.stable_points, self.config.base_point
        _, pose = split_pose(driving, first, stable_points=stable, base_point=base)
        size = fit_similarity(first[:, list(stable)], reference[:, list(stable)])[:, None, :2].norm(dim=-1)
        return torch.cat((pose[..., :2] * size[..., None], pose[..., 2:]), dim=-1)

    def encode_audio(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b m f"]:
        """Return the log-mel spectrogram of a whole multiple of 2 ** levels video frames.

        The sound is continued by its reflection, or by silence where it is too short for that.
        """
        frames = self.config.padded_frames(self.config.num_frames(waveform.shape[1]))
        missing = frames * self.config.samples_per_frame - waveform.shape[1]
        mode = "reflect" if missing < waveform.shape[1] else "constant"
        log_mel: Tensor = self.log_mel(F.pad(waveform, (0, missing), mode=mode) if missing else waveform)
        return log_mel

    def predict(self, log_mel: Float[Tensor, "b m f"], reference: Float[Tensor, "b c"]) -> Float[Tensor, "b c t"]:
        """Return normalised keypoints for the output of `encode_audio` and a normalised reference."""
        code = None if self.piv_encoder is None else self.piv_encoder(reference[..., None])
        faces: Tensor = self.generator(log_mel, reference, code, self._frames_of(log_mel))
        return faces

    def _frames_of(self, log_mel: Tensor) -> int:
        """Return the video frames of a spectrogram, which lacks less than one frame at its ends."""
        audio = self.config.audio
        samples = (log_mel.shape[2] - 1) * audio.hop_length + audio.n_fft
        return self.config.padded_frames(round(samples / self.config.samples_per_frame))

    def input_scale(self, reference: Float[Tensor, "k d"], image_height: int) -> float:
        """Return the factor that brings a reference in pixels of a picture of that height into the model's frame."""
        if self.config.face_size == 0:
            return self.config.frame_height / image_height
        points = reference[:, :2]
        return self.config.face_size / float((points.amax(dim=0) - points.amin(dim=0)).max())
