"""A corpus as a few flat tensors with one row per video frame: in memory, on disk or on a GPU."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Float16, Int16, Int64
from torch import Tensor

from a2k_train.data.clip import Clip


@dataclass(frozen=True, slots=True, eq=False)
class ClipStore:
    """Frames of all clips, concatenated, and the position of each clip.

    Attributes:
        keypoints: `(N, K, D)` pixels.
        measured: `(N,)`, False where the detector lost the face and the frame was interpolated.
        sound: `(N, S)` 16-bit samples of each video frame.
        ids: Names of the clips.
        speakers: Speaker of each clip.
        splits: Split of each clip.
        starts: `(C,)`, first frame of each clip; always on the CPU, like the lengths.
        lengths: `(C,)`, number of frames of each clip.
        features: `(V, N, C)` features of a speech encoder, clean and augmented, or None; see `speech_features`.
    """

    keypoints: Float[Tensor, "n k d"]
    measured: Bool[Tensor, " n"]
    sound: Int16[Tensor, "n s"]
    ids: tuple[str, ...]
    speakers: tuple[str, ...]
    splits: tuple[str, ...]
    starts: Int64[Tensor, " c"]
    lengths: Int64[Tensor, " c"]
    features: Float16[Tensor, "v n f"] | None = None

    @classmethod
    def from_clips(cls, clips: Iterable[Clip]) -> "ClipStore":
        """Copy clips into one store.

        Raises:
            ValueError: There is no clip, or the clips differ in keypoints or samples per frame.

        Example:
            >>> sound = torch.zeros(1_280, dtype=torch.int16)
            >>> clip = Clip("a", "ada", "train", sound, torch.zeros(2, 68, 2), torch.ones(2, dtype=torch.bool))
            >>> store = ClipStore.from_clips([clip, clip])
            >>> len(store), store.num_frames, store.samples_per_frame
            (2, 4, 640)
        """
        clips = list(check_consistent(clips))
        if not clips:
            raise ValueError("expected at least one clip, got none")
        per_frame = len(clips[0].sound) // clips[0].num_frames
        return cls.from_tensors(
            torch.cat([clip.keypoints for clip in clips]),
            torch.cat([clip.measured for clip in clips]),
            torch.cat([clip.sound for clip in clips]).reshape(-1, per_frame),
            ids=[clip.id for clip in clips],
            speakers=[clip.speaker for clip in clips],
            splits=[clip.split for clip in clips],
            lengths=[clip.num_frames for clip in clips],
        )

    @classmethod
    def from_tensors(
        cls,
        keypoints: Float[Tensor, "n k d"],
        measured: Bool[Tensor, " n"],
        sound: Int16[Tensor, "n s"],
        *,
        ids: Sequence[str],
        speakers: Sequence[str],
        splits: Sequence[str],
        lengths: Sequence[int],
    ) -> "ClipStore":
        """Wrap concatenated tensors without copying them."""
        count = torch.tensor(list(lengths), dtype=torch.int64)
        starts = count.cumsum(0) - count
        return cls(keypoints, measured, sound, tuple(ids), tuple(speakers), tuple(splits), starts, count)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def num_frames(self) -> int:
        """Number of frames of all clips."""
        return int(self.lengths.sum())

    @property
    def samples_per_frame(self) -> int:
        """Audio samples per video frame."""
        return self.sound.shape[1]

    @property
    def device(self) -> torch.device:
        """Device of the frames."""
        return self.keypoints.device

    def clip(self, index: int) -> Clip:
        """Return a clip as views into the store."""
        frames = slice(int(self.starts[index]), int(self.starts[index] + self.lengths[index]))
        keypoints, measured, sound = self.keypoints[frames], self.measured[frames], self.sound[frames].flatten()
        return Clip(self.ids[index], self.speakers[index], self.splits[index], sound, keypoints, measured)

    def clips(self) -> list[Clip]:
        """Return all clips, as views."""
        return [self.clip(index) for index in range(len(self))]

    def select(self, indices: Sequence[int]) -> "ClipStore":
        """Return a store of some clips that shares the tensors of this one.

        Raises:
            ValueError: No index is given.
        """
        if not len(indices):
            raise ValueError("expected at least one clip, got none")
        chosen = torch.tensor(list(indices))
        return replace(
            self,
            ids=tuple(self.ids[index] for index in indices),
            speakers=tuple(self.speakers[index] for index in indices),
            splits=tuple(self.splits[index] for index in indices),
            starts=self.starts[chosen],
            lengths=self.lengths[chosen],
        )

    def to(self, device: torch.device | str) -> "ClipStore":
        """Return the store with its frames copied to a device, such as a GPU with enough memory."""
        keypoints, measured, sound = (x.to(device) for x in (self.keypoints, self.measured, self.sound))
        features = None if self.features is None else self.features.to(device)
        return replace(self, keypoints=keypoints, measured=measured, sound=sound, features=features)


def check_consistent(clips: Iterable[Clip]) -> Iterator[Clip]:
    """Yield the clips, checking that each has the keypoints and samples per frame of the first.

    Raises:
        ValueError: A clip differs.
    """
    first: Clip | None = None
    for clip in clips:
        first = first or clip
        per_frame = len(first.sound) // first.num_frames
        if len(clip.sound) != clip.num_frames * per_frame:
            raise ValueError(
                f"expected {per_frame} samples of sound for each of {clip.num_frames} frames of {clip.id}, got "
                f"{len(clip.sound)} samples"
            )
        if clip.keypoints.shape[1:] != first.keypoints.shape[1:]:
            raise ValueError(
                f"expected {tuple(first.keypoints.shape[1:])} keypoints a frame as in {first.id}, got "
                f"{tuple(clip.keypoints.shape[1:])} in {clip.id}"
            )
        yield clip
