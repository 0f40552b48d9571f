"""Keypoints of many live streams, computed as one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.blocks.input_checks import check_inputs
from a2k_nets.blocks.similarity import apply_similarity, invert_similarity
from a2k_nets.config.residual import ModelConfig
from a2k_nets.head import NOISE
from a2k_nets.head.brows import BROW_POINTS
from a2k_nets.head.placement import HeadControls
from a2k_nets.residual.expression_edits import close_lids, fade_in, neutral_mouth
from a2k_nets.residual.few_frames import FewFramesGenerator
from a2k_nets.residual.generator import ResidualGenerator
from a2k_nets.residual.model import Audio2Keypoint
from a2k_nets.server.batching.frame_noise import FrameNoise
from a2k_nets.server.batching.heads_in_space import HeadsInSpace
from a2k_nets.server.batching.sample_buffer import FrameSound


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """The options of one stream; they are those of `StreamingGenerator`."""

    head_motion: float = 1.0
    expression: float = 1.0
    blink: float = 1.0
    turn: float = 1.0
    nod: float = 1.0
    tilt: float = 1.0
    brow: float = 1.0
    neutralize_mouth: bool = False
    seed: int = 0

    @property
    def controls(self) -> HeadControls:
        """Gains of the parts of the head's motion."""
        return HeadControls(turn=self.turn, nod=self.nod, tilt=self.tilt, brow=self.brow)


class BatchedStreams:
    """The state of many streams, each in a row of its own.

    A stream gives the keypoints of a `StreamingGenerator` for the same sound and options, whichever streams are beside
    it and however its frames are grouped: only the rounding differs, by less than 1e-3 px.

    Args:
        model: The `residual` network, in eval mode.
        capacity: Streams at a time.

    Raises:
        ValueError: The model is not causal.

    Example:
        >>> import numpy as np
        >>> from a2k_nets import Audio2Keypoint
        >>> from a2k_nets.server.batching.sample_buffer import SampleBuffer
        >>> model = Audio2Keypoint.from_pretrained().eval()
        >>> streams = BatchedStreams(model, capacity=2)
        >>> face = model.normalizer.mean_face_px
        >>> rows = [streams.open(face, StreamOptions(seed=seed)) for seed in (1, 2)]
        >>> sounds = [SampleBuffer(model.config) for _ in rows]
        >>> for sound in sounds:
        ...     sound.push(np.zeros(2_500, np.float32))
        >>> streams.step(rows, [sound.take(2) for sound in sounds]).shape
        torch.Size([2, 2, 68, 2])
    """

    def __init__(self, model: Audio2Keypoint, *, capacity: int) -> None:
        config, generator = model.config, model.generator
        if not isinstance(config, ModelConfig) or not isinstance(generator, ResidualGenerator):
            raise ValueError(f"expected a causal model such as small, got one of the preset {model.preset}")
        self.model, self.config = model, config
        self._few_frames, self._embed = FewFramesGenerator(generator), generator.reference
        self._free = list(range(capacity))[::-1]
        self._noise: dict[int, FrameNoise] = {}
        normalizer = model.normalizer
        blank = normalizer.mean_face.new_zeros(capacity, config.num_keypoints, 2)
        # The faces at rest, what they are without sound, and how far one unit of expression moves each coordinate.
        self._canonical, self._neutral, self._reach = blank, blank.clone(), blank.clone()
        self._states = blank.new_zeros(capacity, self._few_frames.state_size)
        self._to_pixels = blank.new_zeros(capacity, 4)
        self._embeddings = blank.new_zeros(capacity, config.width)
        self._blink_gains = blank.new_zeros(capacity, 1)
        # Gains of the head, and of the brows in space.
        self._gains = blank.new_zeros(capacity, 4 if model.head is None else 9)
        self._past_poses = blank.new_zeros(capacity, 2, 4)
        # Heads in the plane have a blink's age, those in space also its course.
        self._heads = None if model.head is None else HeadsInSpace(model.head, config, capacity)
        self._blinks = model.blinks if model.head is None else model.head.blinks
        self._no_blink = self._blinks(torch.zeros(1, 1))[1][0]
        self._blink_ages = self._no_blink.expand(capacity, *self._no_blink.shape).clone()
        self._num_frames = [0] * capacity
        self._fade = fade_in(0, config.fade_in_frames + 1, frames=config.fade_in_frames).to(blank)

    @property
    def num_free(self) -> int:
        """Streams that can still be opened."""
        return len(self._free)

    @torch.inference_mode()
    def open(self, reference: Float[Tensor, "k 2"], options: StreamOptions) -> int:
        """Begin a stream and return its row.

        Raises:
            ValueError: The reference has a wrong shape, is not finite or a profile, the model has not all controls, or
                all rows are taken.
        """
        normalizer = self.model.normalizer
        face = reference.to(normalizer.mean_face)[None]
        check_inputs(face.new_zeros(1, 1), face, num_keypoints=self.config.num_keypoints, dimensions=2)
        if not self._free:
            raise ValueError(f"expected at most {len(self._gains)} streams at a time; close one first")
        row, controls = self._free[-1], options.controls
        to_canonical = normalizer.to_canonical(face)
        canonical = apply_similarity(to_canonical, face)
        if self._heads is None:
            controls.refuse_what_needs_space()
        else:
            self._heads.open(row, canonical, invert_similarity(to_canonical))
        self._free.pop()
        neutral = neutral_mouth(canonical) if options.neutralize_mouth else canonical
        std, expression = normalizer.std_expression, options.expression
        self._canonical[row] = canonical[0]
        self._neutral[row] = torch.lerp(canonical, neutral, min(expression, 1.0))[0]
        self._reach[row] = expression * std
        self._to_pixels[row] = invert_similarity(to_canonical)[0]
        self._embeddings[row] = self._embed(normalizer.encode_reference(neutral))[0]
        pose, brows = controls.pose_gains, 3 * [expression * controls.brow]
        if self._heads is None:
            # The brows are part of the expression.
            pose, brows = (1.0, 1.0, controls.tilt, 1.0), []
            self._reach[row, slice(*BROW_POINTS)] *= controls.brow
        self._blink_gains[row] = options.blink
        self._gains[row] = self._gains.new_tensor([*(options.head_motion * gain for gain in pose), *brows])
        self._past_poses[row] = 0
        self._blink_ages[row], self._num_frames[row] = self._no_blink, 0
        self._noise[row] = FrameNoise(options.seed, 5 if self._heads is None else NOISE + 1)
        self._states[row] = 0
        return row

    def close(self, row: int) -> None:
        """End a stream, whose row another may take."""
        del self._noise[row]
        self._free.append(row)

    @torch.inference_mode()
    def step(self, rows: Sequence[int], sounds: Sequence[FrameSound]) -> Float[Tensor, "b t k 2"]:
        """Return the next T keypoints of some streams on the CPU, each in the pixels of its reference.

        Args:
            rows: The streams, each once.
            sounds: The sound of T frames of each, the same T for all.
        """
        index = torch.tensor(rows)
        # `index_select`, since indexing by a tensor takes several times as long for so few rows.
        place = index.to(self._gains.device)
        samples = torch.from_numpy(np.stack([sound.samples for sound in sounds]))
        (shape, pose, log_motion_gain), states = self._few_frames(
            self._encode(samples, [sound.num_hops for sound in sounds]),
            self._embeddings.index_select(0, place),
            self._states.index_select(0, place),
        )
        self._states.index_copy_(0, place, states)

        frames, times = shape.shape[1], [self._num_frames[row] for row in rows]
        neutral, reach = (pool.index_select(0, place)[:, None] for pool in (self._neutral, self._reach))
        face = torch.addcmul(neutral, reach, shape)
        gains, blink = (pool.index_select(0, place)[:, None] for pool in (self._gains, self._blink_gains))
        if min(times) < len(self._fade) - 1:
            time = torch.tensor(times)[:, None] + torch.arange(frames)
            fade = self._fade[time.clamp(max=len(self._fade) - 1)][..., None]
            face = torch.lerp(self._canonical.index_select(0, place)[:, None], face, fade[..., None])
            gains, blink = fade * gains, fade * blink
        noise = torch.stack([self._noise[row].take(frames) for row in rows])
        closed, ages = self._blinks(noise[..., -1], age=self._blink_ages.index_select(0, index))
        self._blink_ages.index_copy_(0, index, ages)
        lids = close_lids(face, (blink[..., 0] * closed.to(face)).clamp(max=1)) if bool(closed.any()) else face
        for row in rows:
            self._num_frames[row] += frames
        if self._heads is not None:
            return self._heads.move(index, lids, samples, noise[..., :NOISE], gains=gains).cpu()
        normalizer, canonical = self.model.normalizer, self._canonical.index_select(0, place)
        pose = pose + self._random_poses(place, noise[..., :4], log_motion_gain, times) / normalizer.std_pose
        expression = (lids - canonical[:, None]) / normalizer.std_expression
        return normalizer.place_motion(
            expression, gains * pose, canonical, self._to_pixels.index_select(0, place)
        ).cpu()

    def _encode(self, samples: Float[Tensor, "b s"], num_hops: list[int]) -> Float[Tensor, "b m f"]:
        """Return the normalized spectrogram of samples, with zeros after the end of each sound."""
        model, normalizer = self.model, self.model.normalizer
        log_mel = normalizer.encode_mel(model.log_mel.without_padding(samples.to(self._gains.device)))
        hops = log_mel.shape[2]
        if min(num_hops) < hops:
            valid = torch.arange(hops) < torch.tensor(num_hops)[:, None]
            log_mel = torch.where(valid[:, None].to(log_mel.device), log_mel, 0.0)
        return log_mel

    def _random_poses(
        self, place: Tensor, noise: Float[Tensor, "b t 4"], log_motion_gain: Float[Tensor, "b t"], times: list[int]
    ) -> Float[Tensor, "b t 4"]:
        """Return the next poses of the random head motion, and keep the last two."""
        # The first frame is the reference; from a past of zeros, the process stays there without noise.
        first = torch.tensor(times)[:, None] + torch.arange(noise.shape[1]) == 0
        past = self._past_poses.index_select(0, place)
        poses: Tensor = self.model.head_motion(
            torch.where(first[..., None], 0.0, noise), log_motion_gain=log_motion_gain, past=past
        )
        self._past_poses.index_copy_(0, place, torch.cat((past, poses), dim=1)[:, -2:])
        return poses
