"""Keypoints of live audio."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.blocks.input_checks import check_inputs
from a2k_nets.config.renamed import accept_renamed
from a2k_nets.config.residual import ModelConfig
from a2k_nets.head.placement import HeadControls
from a2k_nets.residual.model import Audio2Keypoint
from a2k_nets.residual.motion_stream import MotionStream


class StreamingGenerator:
    """Generates the keypoints of audio that arrives in chunks, its length unknown.

    A frame is returned once the audio up to `model.config.right_context_seconds` after its time stamp has arrived: 71
    ms with the embedded model. The frames do not depend on the chunks: they equal those of the whole audio at once.

    Args:
        reference: The person's keypoints, pixels, x right, y down.
        model: A causal network, preset `residual`; by default `small` in the package.
        head_motion, expression, blink, turn, nod, tilt, brow, seed: As in `generate_sequence`.
        neutralize_mouth: Close open lips of the reference, e.g. a smile, when the stream begins.
        style: Keypoints of a clip of at least 50 frames at 25 frames a second, as in `generate_sequence`.

    Raises:
        ValueError: The reference has a wrong shape, is not finite, or is turned to a side by more than 60°; or the
            model is not causal, or lacks an option.

    Example:
        >>> reference = Audio2Keypoint.from_pretrained().normalizer.mean_face_px
        >>> stream = StreamingGenerator(reference)
        >>> [len(stream.push(torch.zeros(1_000))) for _ in range(4)], len(stream.flush())
        ([0, 2, 1, 2], 1)
    """

    @accept_renamed(rest_lips="neutralize_mouth")
    def __init__(
        self,
        reference: Float[Tensor, "k 2"],
        model: Audio2Keypoint | None = None,
        *,
        head_motion: float = 1.0,
        expression: float = 1.0,
        blink: float = 1.0,
        turn: float = 1.0,
        nod: float = 1.0,
        tilt: float = 1.0,
        brow: float = 1.0,
        neutralize_mouth: bool = False,
        style: Float[Tensor, "f k 2"] | None = None,
        seed: int = 0,
    ) -> None:
        self.model = (model or Audio2Keypoint.from_pretrained("small")).eval()
        if not isinstance(self.model.config, ModelConfig):
            raise ValueError(
                f"expected a causal model such as small, got one of the preset {self.model.preset}, which needs the "
                "whole recording"
            )
        mean_face = self.model.normalizer.mean_face
        face = reference.to(mean_face)[None]
        self._no_samples = mean_face.new_zeros(0)
        check_inputs(mean_face.new_zeros(1, 1), face, num_keypoints=self.model.config.num_keypoints, dimensions=2)
        with torch.inference_mode():
            self._stream: MotionStream | None = MotionStream(
                self.model,
                face,
                head_motion=head_motion,
                expression=expression,
                blink=blink,
                neutralize_mouth=neutralize_mouth,
                controls=HeadControls(turn, nod, tilt, brow, None if style is None else style.to(mean_face)),
                generator=torch.Generator().manual_seed(seed),
            )
        self._has_samples = False

    def push(self, samples: Float[Tensor, " s"]) -> Float[Tensor, "n k 2"]:
        """Add audio, and return the frames that are complete with it.

        Args:
            samples: Mono speech in [-1, 1] at `model.config.audio.sample_rate`, any number, also 0.

        Returns:
            The next keypoints on the CPU, in the pixels of the reference; often none.

        Raises:
            ValueError: The samples have a wrong shape or are not finite, or the stream has ended.
        """
        if samples.ndim != 1:
            raise ValueError(f"expected mono samples (S,), got {tuple(samples.shape)}")
        if not bool(torch.isfinite(samples).all()):
            raise ValueError("expected finite samples, got NaN or infinity")
        # A copy, since the caller may reuse the buffer for the next samples.
        return self._next(samples.detach().to(self._no_samples, copy=True), end=False)

    def flush(self) -> Float[Tensor, "n k 2"]:
        """End the stream, and return the remaining frames, round(S / sample_rate × fps) in all.

        Raises:
            ValueError: The stream has ended already.
        """
        keypoints = self._next(self._no_samples, end=self._has_samples)
        self._stream = None
        return keypoints

    @torch.inference_mode()
    def _next(self, samples: Tensor, *, end: bool) -> Tensor:
        if self._stream is None:
            raise ValueError("expected no call after flush(); make another StreamingGenerator for other audio")
        self._has_samples = self._has_samples or len(samples) > 0
        return self._stream.push(samples[None], end=end)[0].cpu()
