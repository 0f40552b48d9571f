"""Keypoints while somebody is still speaking."""

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.blocks.input_checks import check_inputs
from a2k_nets.residual.model import Audio2Keypoint
from a2k_nets.residual.motion_stream import MotionStream


class StreamingGenerator:
    """Generates the keypoints of speech that comes in pieces, of a length that nobody knows yet.

    A frame comes out once `model.config.right_context_seconds` after its time stamp have been heard, 111 ms with the
    embedded model. However the speech is cut, the frames are those that the whole of it gives in one go.

    Args:
        reference: The person's keypoints, pixels, x right, y down.
        model: The `residual` network; by default the one that comes with the package.
        head_motion: Gain of the head's movement; 0 keeps it still.
        expression: Gain of the movement that the audio tells of lips, jaw, brows and lids.
        blink: How far a blink closes the lids; 0 for none.
        rest_lips: Take an open mouth of the reference for a pose, a smile say, that is left for closed lips.
        seed: Of the head's own motion and of the blinks.

    Raises:
        ValueError: The reference has another shape, or is not finite.

    Example:
        >>> reference = Audio2Keypoint.from_pretrained().normalizer.mean_face * 60 + 112
        >>> stream = StreamingGenerator(reference)
        >>> [len(stream.push(torch.zeros(1_000))) for _ in range(4)], len(stream.flush())
        ([0, 1, 1, 2], 2)
    """

    def __init__(
        self,
        reference: Float[Tensor, "k 2"],
        model: Audio2Keypoint | None = None,
        *,
        head_motion: float = 1.0,
        expression: float = 1.0,
        blink: float = 1.0,
        rest_lips: bool = False,
        seed: int = 0,
    ) -> None:
        self.model = (model or Audio2Keypoint.from_pretrained()).eval()
        scales = self.model.normalizer.mean_face
        face = reference.to(scales)[None]
        self._nothing = scales.new_zeros(0)
        check_inputs(scales.new_zeros(1, 1), face, num_keypoints=self.model.config.num_keypoints, dimensions=2)
        with torch.inference_mode():
            self._stream: MotionStream | None = MotionStream(
                self.model,
                face,
                head_motion=head_motion,
                expression=expression,
                blink=blink,
                rest_lips=rest_lips,
                generator=torch.Generator().manual_seed(seed),
            )
        self._heard = False

    def push(self, samples: Float[Tensor, " s"]) -> Float[Tensor, "n k 2"]:
        """Hear more speech, and return the frames that can be told from what was heard so far.

        Args:
            samples: Mono speech in [-1, 1] at `model.config.audio.sample_rate`, as many or few as there are, 0 too.

        Returns:
            The next keypoints on the CPU, in the pixels of the reference; often none.

        Raises:
            ValueError: The samples have another shape or are not finite, or the stream has ended.
        """
        if samples.ndim != 1:
            raise ValueError(f"expected mono samples (S,), got {tuple(samples.shape)}")
        if not bool(torch.isfinite(samples).all()):
            raise ValueError("expected finite samples, got NaN or infinity")
        # A copy: whoever records may write the next samples where these are.
        return self._next(samples.detach().to(self._nothing, copy=True), end=False)

    def flush(self) -> Float[Tensor, "n k 2"]:
        """End the stream, and return the frames that are left, round(S / sample_rate × fps) in all.

        Raises:
            ValueError: The stream has ended already.
        """
        keypoints = self._next(self._nothing, end=self._heard)
        self._stream = None
        return keypoints

    @torch.inference_mode()
    def _next(self, samples: Tensor, *, end: bool) -> Tensor:
        if self._stream is None:
            raise ValueError("expected no more after flush(); make another StreamingGenerator for other speech")
        self._heard = self._heard or len(samples) > 0
        return self._stream.push(samples[None], end=end)[0].cpu()
