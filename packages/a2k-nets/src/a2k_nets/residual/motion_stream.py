"""Speech in pieces of any length in, keypoints out as soon as they are certain."""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody uses

from a2k_nets.blocks.driving_motion import back_and_forth, driving_pose
from a2k_nets.residual.blinks import close_lids
from a2k_nets.residual.ease_in import ease_in
from a2k_nets.residual.generator import Motion
from a2k_nets.residual.layers import ConvMemory
from a2k_nets.residual.lips_at_rest import close_lips

if TYPE_CHECKING:
    from a2k_nets.residual.model import Audio2Keypoint


class MotionStream:
    """All that a `residual` model remembers between two pieces of speech, for a batch of voices and faces.

    `Audio2Keypoint` sends its waveforms through it; `StreamingGenerator` is the same for a voice that has no known end.
    It checks nothing. The arguments are those of `Audio2Keypoint.forward`.
    """

    def __init__(
        self,
        model: "Audio2Keypoint",
        reference: Float[Tensor, "b k 2"],
        *,
        head_motion: float,
        expression: float,
        blink: float,
        rest_lips: bool,
        driving: Float[Tensor, "b u k 2"] | None = None,
        generator: torch.Generator | None,
    ) -> None:
        self._model = model
        self._reference = reference
        self._gains = expression, head_motion, blink
        self._random = generator
        normalizer = model.normalizer
        self._driving = None if driving is None else driving_pose(driving, normalizer)
        self._canonical = face = normalizer.canonicalize(reference)
        self._resting = torch.zeros_like(reference)
        if rest_lips:
            self._resting = (close_lips(face) - face) / normalizer.std_expression
        self._face = normalizer.encode_reference(face + self._resting * normalizer.std_expression)
        self._memory = ConvMemory()
        self._head: Tensor | None = None
        self._blink_age: Tensor | None = None
        self._frames = self._hops = self._samples = 0
        # Samples that a Fourier window still needs; the first one begins in silence.
        self._pending = [reference.new_zeros(len(reference), model.config.audio.padding)]

    def push(self, waveform: Float[Tensor, "b s"], *, end: bool = False) -> Float[Tensor, "b t k 2"]:
        """Return the frames that became certain with these samples, often none; with `end`, all that are left."""
        self._samples += waveform.shape[1]
        self._pending.append(waveform)
        stop = self._model.config.num_frames(self._samples) if end else self._certain_frames()
        if stop <= self._frames:
            return waveform.new_zeros(len(waveform), 0, *self._reference.shape[1:])
        log_mel = self._encode(stop, end=end)
        keypoints = self._decode(self._model.generator.proceed(log_mel, self._face, self._memory))
        self._frames = stop
        return keypoints

    def _certain_frames(self) -> int:
        """Return how many frames no later sample can change."""
        config = self._model.config
        step = config.samples_per_frame
        # Should the sound end here, what lies beyond the last whole frame would be cut.
        certain = min(self._samples, step * config.num_frames(self._samples))
        return (certain - round(config.right_context_seconds * config.audio.sample_rate)) // step + 1

    def _encode(self, stop: int, *, end: bool) -> Float[Tensor, "b m f"]:
        """Return the normalised spectrogram that the network needs for the frames before `stop`, four for each."""
        config = self._model.config
        audio, ahead = config.audio, config.lookahead_hops
        sound = torch.cat(self._pending, dim=1)
        hops = 4 * stop - self._hops
        if end:
            # Silence as in `Audio2Keypoint.encode_audio`, or a cut where the length was rounded down.
            sound = F.pad(sound, (0, stop * config.samples_per_frame - self._samples))
            sound = F.pad(sound, (0, audio.padding))
        else:
            hops += ahead
        window = sound[:, : (hops - 1) * audio.hop_length + audio.n_fft]
        log_mel = self._model.normalizer.encode_mel(self._model.log_mel.of_padded(window))
        self._pending = [sound[:, hops * audio.hop_length :].clone()]
        if not self._hops:
            log_mel = log_mel[..., ahead:]
        self._hops += hops
        return F.pad(log_mel, (0, ahead))[..., : 4 * (stop - self._frames)] if end else log_mel

    def _decode(self, motion: Motion) -> Float[Tensor, "b t k 2"]:
        """Return keypoints for what the network says of the next frames."""
        normalizer = self._model.normalizer
        shape, pose, log_sway = motion
        expression, head_motion, blink = self._gains
        stop = self._frames + shape.shape[1]
        start = ease_in(self._frames, stop, frames=self._model.config.ease_in_frames).to(shape)
        shape = start[:, None, None] * (expression * shape + min(expression, 1.0) * self._resting[:, None])
        if self._random is not None:
            # Drawn frame by frame on the CPU, whatever the gains: the same seed gives the same motion on every device
            # and for every length.
            draws = [torch.randn(len(pose), 5, generator=self._random) for _ in range(pose.shape[1])]
            noise = torch.stack(draws, dim=1)
            pose = pose + self._sway(noise[..., :4], log_sway) / normalizer.std_pose
            shape = self._blinking(shape, blink * start, noise[..., 4])
        if self._driving is not None:
            pose = back_and_forth(self._driving, self._frames, stop)
        return normalizer.decode_motion(shape, head_motion * start[:, None] * pose, self._reference)

    def _sway(self, noise: Float[Tensor, "b t 4"], log_sway: Float[Tensor, "b t"]) -> Float[Tensor, "b t 4"]:
        """Return the head's own next poses."""
        poses: Tensor = self._model.head_motion(noise, log_sway=log_sway, past=self._head)
        before = poses.new_zeros(len(poses), 2, 4) if self._head is None else self._head
        self._head = torch.cat((before, poses), dim=1)[:, -2:]
        return poses

    def _blinking(
        self, shape: Float[Tensor, "b t k 2"], gain: Float[Tensor, " t"], noise: Float[Tensor, "b t"]
    ) -> Float[Tensor, "b t k 2"]:
        """Return the next normalised expressions with the blinks that begin or go on in them."""
        std = self._model.normalizer.std_expression
        closed, self._blink_age = self._model.blinks(noise, age=self._blink_age)
        face = self._canonical[:, None] + shape * std
        return shape + (close_lids(face, (gain * closed.to(shape)).clamp(max=1)) - face) / std
