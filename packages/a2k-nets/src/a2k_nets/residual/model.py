"""The whole model: waveform and reference face in, keypoints out."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets.blocks.driving_motion import check_driving
from a2k_nets.blocks.input_checks import check_inputs
from a2k_nets.blocks.log_mel import LogMelSpectrogram
from a2k_nets.checkpoints.pretrained_mixin import SharedModel
from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.blinks import Blinks
from a2k_nets.residual.generator import Motion, ResidualGenerator
from a2k_nets.residual.head_motion import HeadMotion
from a2k_nets.residual.motion_stream import MotionStream
from a2k_nets.residual.normalizer import Normalizer

# Longer speech goes through the network in pieces of this length, so that an hour needs no more memory than a minute.
_PIECE_SECONDS = 60


class Audio2Keypoint(SharedModel):
    """Generates facial keypoints from speech and one reference face (paper, section 4).

    Args:
        config: The network's settings.

    Example:
        >>> model = Audio2Keypoint.from_pretrained().eval()
        >>> reference = model.normalizer.mean_face[None] * 60 + 112
        >>> model(torch.zeros(1, 16_000), reference).shape
        torch.Size([1, 25, 68, 2])
    """

    preset = "residual"
    config: ModelConfig

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config or ModelConfig()
        self.log_mel = LogMelSpectrogram(self.config.audio)
        self.normalizer = Normalizer(self.config)
        self.generator = ResidualGenerator(self.config)
        self.head_motion = HeadMotion()
        self.blinks = Blinks()

    def forward(
        self,
        waveform: Float[Tensor, "b s"],
        reference: Float[Tensor, "b k 2"],
        *,
        head_motion: float = 1.0,
        expression: float = 1.0,
        blink: float = 1.0,
        rest_lips: bool = False,
        driving: Float[Tensor, "b u k 2"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b t k 2"]:
        """Return keypoints in the pixels of the reference, T = round(S / sample_rate × fps), at least 1.

        Args:
            waveform: Mono speech in [-1, 1] at `config.audio.sample_rate`; any length.
            reference: The person's keypoints, pixels.
            head_motion: Gain of the head's movement; 0 holds the reference's pose.
            expression: Gain of the movement that the audio tells of lips, jaw, brows and lids.
            blink: How far a blink closes the lids; 0 for none.
            rest_lips: Take an open mouth of the reference for a pose, a smile say, which is left for closed lips as
                soon as the sequence begins, and not for the middle of a word.
            driving: Keypoints of another sequence, in any pixels, whose head motion this head follows, back and forth
                if it is shorter, instead of one of its own.
            generator: Source of the head's own movement and of the blinks, seeded by the caller; without it the face
                only does what the audio tells.

        Raises:
            ValueError: A shape, or a value that is not finite.
        """
        check_inputs(waveform, reference, num_keypoints=self.config.num_keypoints, dimensions=2)
        if driving is not None:
            check_driving(driving, reference)
        stream = MotionStream(
            self,
            reference,
            head_motion=head_motion,
            expression=expression,
            blink=blink,
            rest_lips=rest_lips,
            driving=driving,
            generator=generator,
        )
        *pieces, last = torch.split(waveform, _PIECE_SECONDS * self.config.audio.sample_rate, dim=1)
        return torch.cat([*(stream.push(piece) for piece in pieces), stream.push(last, end=True)], dim=1)

    def encode_audio(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b m f"]:
        """Return the normalised log-mel spectrogram, four frames for each video frame, silence after the end."""
        num_frames = self.config.num_frames(waveform.shape[-1])
        missing = num_frames * self.config.samples_per_frame - waveform.shape[-1]
        return self.normalizer.encode_mel(self.log_mel(F.pad(waveform, (0, missing))))

    def predict_motion(self, log_mel: Float[Tensor, "b m f"], reference: Float[Tensor, "b k 2"]) -> Motion:
        """Return normalised motion, the space in which the network is trained."""
        face = self.normalizer.canonicalize(reference)
        motion: Motion = self.generator(log_mel, self.normalizer.encode_reference(face))
        return motion

    def input_scale(self, reference: Float[Tensor, "k d"], image_height: int) -> float:
        """Return the factor that brings a reference in pixels of a picture into the model's: any will do."""
        return 1.0
