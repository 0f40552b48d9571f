"""Generation in chunks: audio of any length in, keypoints out as soon as no later sample can change them."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.blocks.driving_motion import ping_pong
from a2k_nets.blocks.similarity import apply_similarity, invert_similarity
from a2k_nets.config.motion import MotionConfig
from a2k_nets.residual.expression_edits import Blinks, close_lids, fade_in, neutral_mouth
from a2k_nets.residual.head_motion import HeadMotion
from a2k_nets.residual.motion_network import Motion
from a2k_nets.residual.normalizer import Normalizer


@runtime_checkable
class MotionSource(Protocol):
    """What a network predicts for audio in pieces: `CausalStream` or `ListenerStream`."""

    def push(self, waveform: Float[Tensor, "b s"], *, end: bool = False) -> Motion | None:
        """Return the motion of the frames that are final with these samples, if any; with `end`, of all that remain."""
        ...


@runtime_checkable
class StreamableModel(Protocol):
    """The parts of a model that `MotionStream` uses."""

    @property
    def config(self) -> MotionConfig:
        """Settings."""

    normalizer: Normalizer
    head_motion: HeadMotion
    blinks: Blinks

    def motion_source(self, face: Float[Tensor, "b c"]) -> MotionSource:
        """Return the network's predictions for normalised reference faces and audio in pieces."""
        ...


class MotionStream:
    """The state of a model between two chunks of audio, for a batch of waveforms and faces.

    `Audio2Keypoint.forward` passes whole waveforms through it, `StreamingGenerator` audio of unknown length. Inputs are
    not checked. The arguments are those of `Audio2Keypoint.forward`.
    """

    def __init__(
        self,
        model: StreamableModel,
        reference: Float[Tensor, "b k 2"],
        *,
        head_motion: float,
        expression: float,
        blink: float,
        neutralize_mouth: bool,
        driving: Float[Tensor, "b u k 2"] | None = None,
        generator: torch.Generator | None,
    ) -> None:
        self._model = model
        self._reference = reference
        self._gains = expression, head_motion, blink
        self._random = generator
        normalizer = model.normalizer
        # The pose in each driving frame relative to the first one, as the network would predict it.
        self._driving = None if driving is None else normalizer.encode_motion(driving, driving[:, 0])[1]
        to_canonical = normalizer.to_canonical(reference)
        self._to_pixels = invert_similarity(to_canonical)
        self._canonical = face = apply_similarity(to_canonical, reference)
        self._mouth_offset: Tensor | None = None
        neutral = face
        if neutralize_mouth:
            offset = (neutral_mouth(face) - face) / normalizer.std_expression
            neutral = face + offset * normalizer.std_expression
            self._mouth_offset = min(expression, 1.0) * offset[:, None]
        self._source = model.motion_source(normalizer.encode_reference(neutral))
        self._past_poses: Tensor | None = None
        self._blink_age: Tensor | None = None
        self._frames = 0

    def push(self, waveform: Float[Tensor, "b s"], *, end: bool = False) -> Float[Tensor, "b t k 2"]:
        """Return the frames that are final with these samples, often none; with `end`, all remaining frames."""
        motion = self._source.push(waveform, end=end)
        if motion is None:
            return waveform.new_zeros(len(waveform), 0, *self._reference.shape[1:])
        keypoints = self._decode(motion)
        self._frames += keypoints.shape[1]
        return keypoints

    def _decode(self, motion: Motion) -> Float[Tensor, "b t k 2"]:
        """Return the keypoints of the next frames for the output of the network."""
        normalizer = self._model.normalizer
        shape, pose, log_motion_gain = motion
        expression, head_motion, blink = self._gains
        stop = self._frames + shape.shape[1]
        shape = expression * shape
        if self._mouth_offset is not None:
            shape = shape + self._mouth_offset
        fade: Tensor | float = 1.0
        if self._frames < self._model.config.fade_in_frames:
            fade = fade_in(self._frames, stop, frames=self._model.config.fade_in_frames).to(shape)[:, None]
            shape = fade[..., None] * shape
        if self._random is not None:
            noise = self._draw_noise(len(pose), pose.shape[1])
            pose = pose + self._random_poses(noise[..., :4], log_motion_gain) / normalizer.std_pose
            shape = self._add_blinks(shape, blink * fade, noise[..., 4])
        if self._driving is not None:
            pose = ping_pong(self._driving, self._frames, stop)
        return normalizer.place_motion(shape, head_motion * fade * pose, self._canonical, self._to_pixels)

    def _draw_noise(self, batch: int, frames: int) -> Float[Tensor, "b t 5"]:
        """Return standard normal noise: four numbers for the pose and one for blinks, whatever the gains.

        It is drawn on the CPU, so the same seed gives the same motion on every device and for chunks of any length.
        """
        # Contiguous tensors of 16 numbers or more would get others than the same numbers drawn frame by frame.
        noise = torch.empty(frames, batch, 5, 2)[..., 0].normal_(generator=self._random)
        return noise.transpose(0, 1)

    def _random_poses(
        self, noise: Float[Tensor, "b t 4"], log_motion_gain: Float[Tensor, "b t"]
    ) -> Float[Tensor, "b t 4"]:
        """Return the next poses of the random head motion."""
        poses: Tensor = self._model.head_motion(noise, log_motion_gain=log_motion_gain, past=self._past_poses)
        past = poses.new_zeros(len(poses), 2, 4) if self._past_poses is None else self._past_poses
        self._past_poses = torch.cat((past, poses), dim=1)[:, -2:]
        return poses

    def _add_blinks(
        self, shape: Float[Tensor, "b t k 2"], gain: Float[Tensor, "t 1"] | float, noise: Float[Tensor, "b t"]
    ) -> Float[Tensor, "b t k 2"]:
        """Return the next normalised expressions with blinks."""
        std = self._model.normalizer.std_expression
        closed, self._blink_age = self._model.blinks(noise, age=self._blink_age)
        if not bool(closed.any()):  # on the CPU, as the noise
            return shape
        face = self._canonical[:, None] + shape * std
        gains = gain * closed.to(shape)[..., None]
        return shape + (close_lids(face, gains[..., 0].clamp(max=1)) - face) / std
