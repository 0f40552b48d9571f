"""One video frame of a live stream as a graph: the state goes in and comes out."""

import json
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.expression_edits import BLINK_FRAMES, close_lids, neutral_mouth
from a2k_nets.residual.generator import VectorState
from a2k_nets.residual.model import Audio2Keypoint


class StreamingGraph(nn.Module):
    """The next frame of `StreamingGenerator`, head motion and blinks included.

    The state is one vector: the last inputs of each causal convolution, the last two head poses, the frames that are
    left of a blink, and the number of frames, up to the end of the fade-in. Zeros begin a stream. `metadata` tells what
    each call needs.

    Args:
        model: A causal model in eval mode, whose log-mel layer can be exported.

    Raises:
        ValueError: The model is not causal.
    """

    #: Inputs after the others, and the values that `StreamingGenerator` has by default. They have no defaults in the
    #: graph, since onnxruntime-web takes no value for an input that has one.
    gains: ClassVar[dict[str, float]] = {
        "head_motion": 1.0,
        "expression": 1.0,
        "blink": 1.0,
        "neutralize_mouth": 0.0,
    }

    curve: Tensor

    def __init__(self, model: Audio2Keypoint) -> None:
        super().__init__()
        if not isinstance(model.config, ModelConfig):
            raise ValueError(f"expected a causal model such as small, got one of the preset {model.preset}")
        self.model, self.config = model, model.config
        self._contexts = VectorState.contexts_of(model.generator)
        self.state_size = sum(channels * context for channels, context in self._contexts.values()) + 8 + 2
        audio = self.config.audio
        #: Samples that the Fourier windows of one frame cover.
        self.window = 3 * audio.hop_length + audio.n_fft
        self.register_buffer("curve", F.pad(model.blinks.curve, (0, 1)))
        self._threshold = model.blinks.threshold

    def example(self) -> dict[str, Tensor]:
        """Return the inputs of the first frame, in silence."""
        return {
            "samples": torch.zeros(1, self.window),
            "num_hops": torch.full((1,), 4.0),
            "reference": self.model.normalizer.mean_face_px[None],
            "noise": torch.zeros(1, 5),
            "state": torch.zeros(1, self.state_size),
            **{name: torch.tensor(value) for name, value in self.gains.items()},
        }

    def metadata(self) -> dict[str, str]:
        """Return what a program needs to know in order to call the graph, as strings."""
        config, audio = self.config, self.config.audio
        return {
            "streaming": "1",
            "window_samples": str(self.window),
            "window_offset": str(config.lookahead_hops * audio.hop_length - audio.padding),
            "samples_per_frame": str(config.samples_per_frame),
            "right_context_samples": str(config.right_context_samples),
            "lookahead_hops": str(config.lookahead_hops),
            "state_size": str(self.state_size),
            "gains": json.dumps(self.gains),
            "mean_face": json.dumps(self.model.normalizer.mean_face_px.tolist()),
        }

    def forward(
        self,
        samples: Tensor,
        num_hops: Tensor,
        reference: Tensor,
        noise: Tensor,
        state: Tensor,
        head_motion: Tensor,
        expression: Tensor,
        blink: Tensor,
        neutralize_mouth: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return keypoints `(1, K, 2)` and the next state.

        Args:
            samples: The sound under the frame's Fourier windows, `(1, window_samples)`, zeros outside the recording.
            num_hops: How many of the four spectrogram frames are before the end of the recording, `(1,)`.
            reference: The reference face in pixels, `(1, K, 2)`.
            noise: Five standard normal numbers, `(1, 5)`: four for the head and one for blinks.
            state: `(1, state_size)`.
            head_motion: Gain of the head motion.
            expression: Gain of the expression.
            blink: Share by which a blink closes the lids.
            neutralize_mouth: 1 closes an open mouth of the reference, 0 keeps it.
        """
        model, normalizer = self.model, self.model.normalizer
        past, poses, age, time = torch.split(state, [self.state_size - 10, 8, 1, 1], dim=1)
        layers = VectorState(past, self._contexts)

        log_mel = normalizer.encode_mel(model.log_mel.without_padding(samples))
        log_mel = torch.where(torch.arange(4) < num_hops[:, None, None], log_mel, 0.0)
        canonical = normalizer.canonicalize(reference)
        offset = neutralize_mouth * (neutral_mouth(canonical) - canonical) / normalizer.std_expression
        face = normalizer.encode_reference(canonical + offset * normalizer.std_expression)
        shape, pose, log_motion_gain = model.generator.forward_chunk(log_mel, face, layers)  # type: ignore[operator]  # causal, as the config

        rise = (time / max(1, self.config.fade_in_frames)).clamp(max=1)
        fade = rise * rise * (3 - 2 * rise) if self.config.fade_in_frames else torch.ones_like(rise)
        shape = fade[..., None, None] * (expression * shape + expression.clamp(max=1) * offset[:, None])
        # The first frame is the reference: without noise, the head stays there.
        random = torch.where(time[..., None] > 0, noise[:, None, :4], 0.0)
        moved = model.head_motion(random, log_motion_gain=log_motion_gain, past=poses.view(1, 2, 4))
        pose = pose + moved / normalizer.std_pose
        # The state counts from the end of a blink, so that zeros are no blink.
        age = BLINK_FRAMES - age
        age = torch.where((noise[:, 4:] > self._threshold) & (age >= BLINK_FRAMES), 0.0, age)
        closed = (self.curve * (torch.arange(BLINK_FRAMES + 1) == age)).sum(dim=1, keepdim=True)
        before = canonical[:, None] + shape * normalizer.std_expression
        lids = close_lids(before, (blink * fade * closed).clamp(max=1))
        shape = shape + (lids - before) / normalizer.std_expression

        keypoints = normalizer.decode_motion(shape, head_motion * fade[..., None] * pose, reference)[:, 0]
        remaining = (BLINK_FRAMES - 1 - age).clamp(min=0)
        time = (time + 1).clamp(max=max(1, self.config.fade_in_frames))
        return keypoints, torch.cat((layers.vector(), poses[:, 4:], moved[:, 0], remaining, time), dim=1)
