"""Pseudo-labels for speech without video: a teacher generates the keypoints ("lessons")."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets import Audio2Keypoint
from a2k_nets.residual import ListenerGenerator
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.window_sampler import Batch, WindowSampler

#: Frames at either end of a window that are masked, because the teacher lacks past or future sound there.
_EDGE = 4


class Lessons:
    """Windows of speech whose keypoints are those that a model of the preset `listener` generates.

    The teacher gets the encoder's features of clean sound, which are computed once, and faces of the training clips as
    references. Its head is still.

    Args:
        teacher: The model, in eval mode.
        speech: Speech with the features of the encoder; its keypoints are not used.
        seed: Random seed of the windows.

    Raises:
        ValueError: The teacher is of another preset, or the speech has no features.
    """

    def __init__(self, teacher: Audio2Keypoint, speech: ClipStore, *, seed: int = 0) -> None:
        if not isinstance(teacher.generator, ListenerGenerator):
            raise ValueError(f"expected a teacher of the preset listener, got one of {teacher.preset}")
        if speech.features is None:
            raise ValueError("expected speech with the features of the encoder, got none; see `prepare_store`")
        self.teacher, self.speech, self._seed = teacher, speech, seed

    def sampler(self, *, windows: int, window_frames: int, rank: int = 0, world_size: int = 1) -> WindowSampler:
        """Return the sampler of the speech."""
        return WindowSampler(
            self.speech,
            window_frames=window_frames,
            batch_size=windows,
            random_reference=0.0,
            seed=self._seed,
            rank=rank,
            world_size=world_size,
        )

    @torch.no_grad()
    def teach(self, windows: Batch, references: Float[Tensor, "b k 2"]) -> Batch:
        """Return windows of the sampler with keypoints generated from the reference faces, pixels."""
        network, normalizer = self.teacher.generator, self.teacher.normalizer
        assert isinstance(network, ListenerGenerator)
        assert windows.features is not None
        heard = windows.features.any(dim=-1)  # features are zero past the end of a recording
        features = network.normalize(windows.features.reshape(len(references), -1, network.num_features))
        expression, pose, _ = self.teacher.predict_motion(features, references)
        keypoints = normalizer.decode_motion(expression, torch.zeros_like(pose), references)
        heard[:, :_EDGE], heard[:, -_EDGE:] = False, False
        return replace(windows, reference=references, keypoints=keypoints, mask=heard)
