"""Generation in chunks: audio of any length in, keypoints out as soon as no later sample can change them."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.blocks.constants import constant
from a2k_nets.blocks.driving_motion import ping_pong
from a2k_nets.blocks.similarity import apply_similarity, invert_similarity
from a2k_nets.config.motion import MotionConfig
from a2k_nets.head import NOISE, HeadNetwork, HeadStream
from a2k_nets.head.brows import BROW_POINTS
from a2k_nets.head.clip_motion import clip_motion
from a2k_nets.head.placement import HeadControls, HeadReferences
from a2k_nets.head.space import lift, measure_motion
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
    head: HeadNetwork | None

    def motion_source(self, face: Float[Tensor, "b c"]) -> MotionSource:
        """Return the network's predictions for normalised reference faces and audio in pieces."""
        ...


class MotionStream:
    """The state of a model between two chunks of audio, for a batch of waveforms and faces.

    `Audio2Keypoint.forward` passes whole waveforms through it, `StreamingGenerator` audio of unknown length. Inputs are
    not checked. The arguments are those of `Audio2Keypoint.forward`.

    Raises:
        ValueError: The model has not all controls, or its head moves in space and the reference is seen from the side.
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
        controls: HeadControls | None = None,
        driving: Float[Tensor, "b u k 2"] | None = None,
        generator: torch.Generator | None,
    ) -> None:
        self._model = model
        self._reference = reference
        self._gains = expression, head_motion, blink
        self._random = generator
        self._controls = controls = controls or HeadControls()
        normalizer = model.normalizer
        to_canonical = normalizer.to_canonical(reference)
        self._to_pixels = invert_similarity(to_canonical)
        self._canonical = face = apply_similarity(to_canonical, reference)
        self._space: HeadReferences | None = None
        self._head: HeadStream | None = None
        if model.head is None:
            controls.refuse_what_needs_space()
        else:
            self._space = HeadReferences.of(face, self._to_pixels)
            self._pose_gains = tuple(head_motion * gain for gain in controls.pose_gains)
            if generator is not None:
                style = None if controls.style is None else model.head.log_gains(clip_motion(controls.style))
                self._head = HeadStream(model.head, len(reference), log_gains=style)
        # The pose in each driving frame relative to the first one, as the network would predict it.
        self._driving = None if driving is None else self._poses_of(driving)
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
        if self._head is not None:
            self._head.push(waveform, end=end)
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
        head, brows = None, None
        if self._random is not None:
            noise = self._draw_noise(len(pose), pose.shape[1])
            if self._head is None:
                pose = pose + self._random_poses(noise[..., :4], log_motion_gain) / normalizer.std_pose
            else:
                moved = self._head.take(pose.shape[1], noise[..., :NOISE]).to(shape)
                head, brows = moved[..., :6], moved[..., 6:]
            shape = self._add_blinks(shape, blink * fade, noise[..., -1])
        if brows is None and self._controls.brow != 1:
            shape = _scale_brows(shape, self._controls.brow)
        if self._driving is not None:
            pose = ping_pong(self._driving, self._frames, stop)
            head = pose if self._space is not None else None
        if self._space is not None and head is not None:
            face = self._canonical[:, None] + shape * normalizer.std_expression
            brows = None if brows is None else expression * self._controls.brow * fade * brows
            return self._space.place(face, fade * constant(self._pose_gains, head.dtype, head.device) * head, brows)
        if self._controls.tilt != 1:
            pose = pose * constant((1.0, 1.0, self._controls.tilt, 1.0), pose.dtype, pose.device)
        return normalizer.place_motion(shape, head_motion * fade * pose, self._canonical, self._to_pixels)

    def _poses_of(self, driving: Float[Tensor, "b u k 2"]) -> Float[Tensor, "b u c"]:
        """Return the pose of a driving sequence relative to its first frame, in space or in the plane."""
        normalizer = self._model.normalizer
        if self._space is None:
            return normalizer.encode_motion(driving, driving[:, 0])[1]
        # In the upright frame of its first face, as the motion of the head is.
        to_canonical = normalizer.to_canonical(driving[:, 0])
        upright = apply_similarity(to_canonical[:, None], driving)
        return measure_motion(upright, lift(upright[:, 0]))

    def _draw_noise(self, batch: int, frames: int) -> Float[Tensor, "b t n"]:
        """Return standard normal noise, whatever the gains: numbers for the head, and one for blinks.

        It is drawn on the CPU, so the same seed gives the same motion on every device and for chunks of any length.
        """
        count = 5 if self._head is None else NOISE + 1
        # Contiguous tensors of 16 numbers or more would get others than the same numbers drawn frame by frame.
        noise = torch.empty(frames, batch, count, 2)[..., 0].normal_(generator=self._random)
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
        blinks = self._model.blinks if self._model.head is None else self._model.head.blinks
        closed, self._blink_age = blinks(noise, age=self._blink_age)
        if not bool(closed.any()):  # on the CPU, as the noise
            return shape
        face = self._canonical[:, None] + shape * std
        gains = gain * closed.to(shape)[..., None]
        return shape + (close_lids(face, gains[..., 0].clamp(max=1)) - face) / std


def _scale_brows(shape: Float[Tensor, "b t k 2"], gain: float) -> Float[Tensor, "b t k 2"]:
    """Return displacements with those of the brows scaled."""
    start, stop = BROW_POINTS
    return torch.cat((shape[:, :, :start], gain * shape[:, :, start:stop], shape[:, :, stop:]), dim=2)
