"""The motion that the causal network predicts for audio in pieces."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.blocks.log_mel import LogMelSpectrogram
from a2k_nets.residual.few_frames import FEW_FRAMES, FewFramesGenerator
from a2k_nets.residual.generator import ResidualGenerator, VectorState
from a2k_nets.residual.motion_network import Motion
from a2k_nets.residual.normalizer import Normalizer


class CausalStream:
    """The state of a causal network between two pieces of audio.

    Args:
        generator: The network.
        log_mel: Its spectrogram.
        normalizer: Its statistics.
        face: Normalised reference faces.
    """

    def __init__(
        self,
        generator: ResidualGenerator,
        log_mel: LogMelSpectrogram,
        normalizer: Normalizer,
        face: Float[Tensor, "b c"],
    ) -> None:
        self._generator, self._log_mel, self._normalizer = generator, log_mel, normalizer
        self._embedding = generator.reference(face)
        self._config = generator.config
        self._few_frames = FewFramesGenerator(generator)
        self._state = face.new_zeros(len(face), self._few_frames.state_size)
        self._frames = self._hops = self._samples = 0
        # Samples that the next Fourier windows need; the first window begins in silence.
        self._pending = [face.new_zeros(len(face), self._config.audio.padding)]

    def push(self, waveform: Float[Tensor, "b s"], *, end: bool = False) -> Motion | None:
        """Return the motion of the frames that are final with these samples, if any; with `end`, of all that remain."""
        self._samples += waveform.shape[1]
        self._pending.append(waveform)
        config = self._config
        stop = config.num_frames(self._samples) if end else config.num_final_frames(self._samples)
        if stop <= self._frames:
            return None
        log_mel = self._encode(stop, end=end)
        count, self._frames = stop - self._frames, stop
        if count < FEW_FRAMES and not self._generator.training:
            motion, self._state = self._few_frames(log_mel, self._embedding, self._state)
            return motion
        layers = VectorState(self._state, self._few_frames.contexts)
        motion = self._generator.decode(self._generator.hear(log_mel, self._embedding[..., None], layers))
        self._state = layers.vector()
        return motion

    def _encode(self, stop: int, *, end: bool) -> Float[Tensor, "b m f"]:
        """Return the normalised spectrogram for the frames before `stop`, four spectrogram frames for each."""
        config = self._config
        audio, ahead = config.audio, config.lookahead_hops
        samples = torch.cat(self._pending, dim=1)
        hops = 4 * stop - self._hops
        if end:
            # Silence as in `Audio2Keypoint.encode_audio`, or a cut where the length was rounded down.
            samples = F.pad(samples, (0, stop * config.samples_per_frame - self._samples))
            samples = F.pad(samples, (0, audio.padding))
        else:
            hops += ahead
        window = samples[:, : (hops - 1) * audio.hop_length + audio.n_fft]
        log_mel = self._normalizer.encode_mel(self._log_mel.without_padding(window))
        self._pending = [samples[:, hops * audio.hop_length :].clone()]
        if not self._hops:
            log_mel = log_mel[..., ahead:]
        self._hops += hops
        return F.pad(log_mel, (0, ahead))[..., : 4 * (stop - self._frames)] if end else log_mel
