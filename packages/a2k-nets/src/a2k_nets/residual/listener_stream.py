"""The motion that the `listener` network predicts for audio in pieces."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.residual.listener_generator import FEATURES_PER_FRAME, ListenerGenerator
from a2k_nets.residual.motion_network import Motion
from a2k_nets.whisper.encoder import WhisperEncoder
from a2k_nets.whisper.windowed_features import WindowedFeatures


class ListenerStream:
    """The state of a `listener` network between two pieces of audio; the memory does not grow with the audio.

    The encoder works on overlapping windows, and the network on stretches of frames with as much context on both sides
    as it can see. So the motion does not depend on the pieces.

    Args:
        generator: The network.
        encoder: Its speech encoder.
        face: Normalised reference faces.
    """

    def __init__(self, generator: ListenerGenerator, encoder: WhisperEncoder, face: Float[Tensor, "b c"]) -> None:
        self._generator, self._face = generator, face
        self._config = config = generator.config
        self._features = WindowedFeatures(
            encoder,
            hop=FEATURES_PER_FRAME * config.window_hop,
            overlap=FEATURES_PER_FRAME * config.window_overlap,
        )
        # Samples that have come, and those of an unfinished video frame.
        self._samples, self._rest = 0, face.new_zeros(len(face), 0)
        # Features from the context of the next frame on, the frame that they begin with, and the next frame.
        self._known: list[Tensor] = []
        self._first = self._done = 0

    def push(self, waveform: Float[Tensor, "b s"], *, end: bool = False) -> Motion | None:
        """Return the motion of the frames that are final with these samples, if any; with `end`, of all that remain."""
        step = self._config.samples_per_frame
        pending = torch.cat((self._rest, waveform), dim=1)
        self._samples += waveform.shape[1]
        if end:
            # Silence fills up the last frame, or up to half a frame is cut, as in `Audio2Keypoint.encode_audio`.
            missing = self._config.num_frames(self._samples) * step - self._samples
            whole = F.pad(pending, (0, missing))
        else:
            length = pending.shape[1] // step * step
            whole, self._rest = pending[:, :length], pending[:, length:]
        features = self._features.push(whole, end=end)
        if features.shape[1]:
            self._known.append(self._generator.normalize(features))
        return self._predict(end=end) if features.shape[1] or end else None

    def _predict(self, *, end: bool) -> Motion | None:
        """Return the motion of the frames whose context is known."""
        context = self._config.context_frames
        features = torch.cat(self._known, dim=-1)
        stop = self._first + features.shape[-1] - (0 if end else context)
        if stop <= self._done:
            self._known = [features]
            return None
        motion = self._generator(features, self._face)
        own = slice(self._done - self._first, stop - self._first)
        first = max(0, stop - context)
        # A copy, because a view would keep the whole stretch in memory.
        self._known, self._first, self._done = [features[..., first - self._first :].clone()], first, stop
        return Motion(motion.expression[:, own], motion.pose[:, own], motion.log_motion_gain[:, own])
