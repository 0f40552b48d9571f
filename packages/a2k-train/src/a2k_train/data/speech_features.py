"""Features of a frozen speech encoder for every clip, computed once and cached, clean and with augmented sound."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from filelock import FileLock
from jaxtyping import Float, Float16
from torch import Tensor

from a2k_nets.checkpoints import read_tensors, write_tensors
from a2k_train.data.clip import to_float
from a2k_train.data.clip_sampler import seeded
from a2k_train.data.clip_store import ClipStore

logger = logging.getLogger(__name__)

#: Returns the feature vectors `(1, N, D)` of a waveform `(1, S)`, the same number for every video frame.
Encoder = Callable[[Tensor], Tensor]

#: Returns an augmented copy of waveforms `(B, S)`.
Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def add_features(
    store: ClipStore,
    encoder: Encoder,
    *,
    name: str,
    augment: Augmentation | None = None,
    variants: int = 1,
    seed: int = 0,
    cache_folder: Path | None = None,
    on_clip: Callable[[int, int], None] | None = None,
) -> ClipStore:
    """Return the store with the encoder's features of each clip as `features`.

    Args:
        store: The clips.
        encoder: The frozen encoder.
        name: Name and settings of the encoder; part of the cache's file name.
        augment: Augmentation of the sound of all variants but the first, which is clean. It is given two waveforms, the
            clip's and another one's as a second voice, and the first is used.
        variants: Number of variants.
        seed: Random seed of the augmentation.
        cache_folder: Folder of the cache; without it, nothing is stored.
        on_clip: Called with the number of encoded clips and that of all.

    Raises:
        ValueError: The cache is damaged.
        OSError: The cache cannot be written.
    """
    if cache_folder is None:
        return _with(store, _encode(store, encoder, augment, variants, seed, on_clip))
    path = cache_folder / f"features-{_digest(store, name, variants, seed)}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        if not path.is_file():
            logger.info("writing the features of the encoder to %s", path)
            features = _encode(store, encoder, augment, variants, seed, on_clip)
            write_tensors(path, {"features": features}, {})
    try:
        return _with(store, read_tensors(path)[0]["features"])
    except (ValueError, KeyError) as error:
        raise ValueError(
            f"expected features of an encoder, got the damaged file {path} ({error}); remove it"
        ) from error


def _with(store: ClipStore, features: Float16[Tensor, "v n c"]) -> ClipStore:
    return replace(store, features=features.to(store.device))


@torch.no_grad()
def _encode(
    store: ClipStore,
    encoder: Encoder,
    augment: Augmentation | None,
    variants: int,
    seed: int,
    on_clip: Callable[[int, int], None] | None,
) -> Float16[Tensor, "v n c"]:
    """Return the features of all variants, the vectors of a video frame side by side."""
    features: Tensor | None = None
    for index in range(len(store)):
        frames = slice(int(store.starts[index]), int(store.starts[index] + store.lengths[index]))
        speech = to_float(store.sound[frames].flatten().cpu())
        for variant in range(variants):
            generator = seeded(f"features {store.ids[index]} {variant}", seed, 0)
            sound = speech if variant == 0 or augment is None else _augmented(store, index, speech, augment, generator)
            encoded = encoder(sound[None])[0].reshape(frames.stop - frames.start, -1).half()
            if features is None:
                features = encoded.new_zeros(variants, len(store.sound), encoded.shape[1])
            features[variant, frames] = encoded
        if on_clip is not None:
            on_clip(index + 1, len(store))
    assert features is not None
    return features


def _augmented(
    store: ClipStore, index: int, speech: Float[Tensor, " s"], augment: Augmentation, generator: torch.Generator
) -> Float[Tensor, " s"]:
    """Return the speech augmented, with the voice of another clip as the second waveform of the batch."""
    other = int(torch.randint(len(store), (), generator=generator))
    voice = store.clip(other).waveform.cpu()
    voice = voice.repeat(-(-len(speech) // len(voice)))[: len(speech)]
    return augment(torch.stack((speech, voice)), generator)[0]


def _digest(store: ClipStore, name: str, variants: int, seed: int) -> str:
    digest = hashlib.sha256(repr((name, variants, seed, store.ids, store.lengths.tolist())).encode())
    for index in range(len(store)):
        digest.update(store.clip(index).sound.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
