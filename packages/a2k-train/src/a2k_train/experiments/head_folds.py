"""Training of the network of the head: on all clips, or once for each fold of speakers that it does not see."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from a2k_nets import Audio2Keypoint
from a2k_nets.checkpoints import save_checkpoint
from a2k_nets.config import HeadConfig
from a2k_nets.head import HeadNetwork, SpeechFeatures
from a2k_train.data.clip_store import ClipStore
from a2k_train.data.speaker_folds import speaker_folds
from a2k_train.statistics.head.process import HeadClip, head_clips
from a2k_train.training.fit_head import HeadSettings, fit_head


def train_heads(
    store: ClipStore,
    run: Path,
    settings: HeadSettings,
    *,
    folds: int = 0,
    on_step: Callable[[int, int, float], None] | None = None,
) -> list[HeadNetwork]:
    """Train the head; return one network, or one for each fold.

    Args:
        store: The clips; their splits are ignored.
        run: Folder for `head.safetensors`, or for `fold-0/head.safetensors`, … An interrupted run is resumed.
        settings: Settings; fold k trains with seed + k.
        folds: Number of folds; 0 trains on all clips.
        on_step: Called with the fold, the steps done and the loss.

    Raises:
        ValueError: There are fewer speakers than folds, or the folder holds another training.
    """
    clips = measured_clips(store)
    if not folds:
        return [fit_head(clips, run, settings, on_step=_of_fold(on_step, 0))]
    networks = []
    for fold, held_out in enumerate(held_out_clips(clips, folds=folds, seed=settings.seed)):
        names = {clip.id for clip in held_out}
        networks.append(
            fit_head(
                [clip for clip in clips if clip.id not in names],
                run / f"fold-{fold}",
                replace(settings, seed=settings.seed + fold),
                held_out=sorted(names),
                on_step=_of_fold(on_step, fold),
            )
        )
    return networks


def add_head(model: str, network: HeadNetwork, folder: Path) -> Path:
    """Write a copy of a model with a head and the lips as before; return its path, `folder/NAME.safetensors`.

    Args:
        model: Name of a model in the package, or a checkpoint.
        network: The trained head.
        folder: Where to.

    Raises:
        ValueError: The model has no head in space: it is of the preset paper, or looks less far ahead than the head.
    """
    source = Audio2Keypoint.from_pretrained(model)
    config = replace(source.config, head=network.config)
    path = folder / f"{Path(model).name.removesuffix('.safetensors')}.safetensors"
    old = source.state_dict()
    tensors = {name: value for name, value in old.items() if not name.startswith("head.")}
    tensors |= {f"head.{name}": value for name, value in network.state_dict().items()}
    save_checkpoint(path, tensors, config)
    return path


def measured_clips(store: ClipStore) -> list[HeadClip]:
    """Return the clips of a store with the labels of the head, those that are long enough."""
    return head_clips(store.clips(), SpeechFeatures(HeadConfig()))


def held_out_clips(clips: Sequence[HeadClip], *, folds: int, seed: int = 0) -> list[list[HeadClip]]:
    """Return the clips of each fold, no speaker in two of them."""
    parts = speaker_folds([c.speaker for c in clips], [len(c.motion) for c in clips], folds=folds, seed=seed)
    return [[clips[index] for index in part] for part in parts]


def _of_fold(on_step: Callable[[int, int, float], None] | None, fold: int) -> Callable[[int, float], None] | None:
    return None if on_step is None else lambda step, loss: on_step(fold, step, loss)
