"""Evaluation of heads of folds on the speakers that they have not seen."""

import copy
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from a2k_nets import Audio2Keypoint
from a2k_nets.head import HeadNetwork, load_head
from a2k_train.data.clip import Clip
from a2k_train.data.clip_store import ClipStore
from a2k_train.evaluation.head_space.held_out import HeldOut
from a2k_train.evaluation.head_space.measure_fold import measure_fold
from a2k_train.evaluation.run_model import run_model
from a2k_train.reports.head_space_report import write_head_report
from a2k_train.reports.head_space_tables import HeadTables
from a2k_train.training.fit_head import HEAD_FILE

#: Called with the fold, the clips of it that are done, and its clips.
OnClip = Callable[[int, int, int], None]


def evaluate_heads(
    store: ClipStore,
    heads: Path,
    out: Path,
    *,
    models: Sequence[Audio2Keypoint],
    lips: str = "",
    seeds: int = 10,
    judge_steps: int = 500,
    seed: int = 0,
    apart: str | None = None,
    on_clip: OnClip | None = None,
) -> HeadTables:
    """Measure the heads of `a2k-train head --folds` on the clips that each has not seen, and write the report.

    Args:
        store: The clips that the folds were trained on.
        heads: Run folder with `fold-0`, `fold-1`, …
        out: Folder for `head.md`, `head.json` and `fold-0.safetensors`, …, from which an interrupted evaluation goes
            on.
        models: For each clip of the store the model that moves lips; its head is replaced by that of the fold. Their
            identity is not checked when an evaluation is resumed, except by `lips`.
        lips: Name of the models, written to the results.
        seeds: Motions for each clip.
        judge_steps: Optimizer steps of each judge.
        seed: Random seed.
        apart: Beginning of the names of speakers that get tables of their own.
        on_clip: Called after every clip.

    Raises:
        ValueError: There are no folds, the clips are others, or `out` holds results of something else.
    """
    networks = [load_head(path) for path in sorted(heads.glob(f"fold-*/{HEAD_FILE}"))]
    if not networks:
        raise ValueError(f"expected folds of `a2k-train head --folds`, found no fold-0/{HEAD_FILE} in {heads}")
    clips = store.clips()
    lips_of = {clip.id: model for clip, model in zip(clips, models, strict=True)}
    results = []
    for fold, (network, about) in enumerate(networks):
        names = set(json.loads(about["held_out"]))
        held_out = [clip for clip in clips if clip.id in names]
        if len(held_out) != len(names):
            missing = sorted(names - {clip.id for clip in held_out})
            raise ValueError(
                f"expected the clips that {heads} was trained on, {missing[0]} is missing; give the same ones"
            )
        chosen = {"lips": lips, "seeds": seeds, "judge_steps": judge_steps, "seed": seed}
        identity = {"settings": json.dumps(chosen), "network": _digest(network)}
        path = out / f"fold-{fold}.safetensors"
        if path.is_file():
            results.append(HeldOut.load(path, identity))
            continue
        unseen = {clip.speaker for clip in held_out}

        def advance(done: int, fold: int = fold, of: int = len(held_out)) -> None:
            if on_clip is not None:
                on_clip(fold, done, of)

        result = measure_fold(
            _Generator(network, lips_of),
            [clip for clip in clips if clip.speaker not in unseen],
            held_out,
            seeds=seeds,
            judge_steps=judge_steps,
            seed=seed,
            on_clip=advance,
        )
        out.mkdir(parents=True, exist_ok=True)
        result.save(path, identity)
        results.append(result)
    return write_head_report(out, results, apart=apart)


class _Generator:
    """Keypoints for a clip from its first frame and sound, by the lips of a model and the head of a fold."""

    def __init__(self, head: HeadNetwork, lips: dict[str, Audio2Keypoint]) -> None:
        self._head, self._lips = head, lips

    def __call__(self, clip: Clip, seeds: int, seed: int) -> tuple[Tensor, Tensor]:
        model = copy.copy(self._lips[clip.id]).eval()
        model._modules = dict(model._modules)  # the copy gets a head of its own
        model.head = self._head
        waveform, reference = clip.waveform[None], clip.keypoints[:1, :, :2]
        random = torch.Generator().manual_seed(seed)
        several = (waveform.expand(seeds, -1), reference.expand(seeds, -1, -1))
        moving = run_model(model, *several, generator=random)
        return moving, run_model(model, waveform, reference, head_motion=0.0)


def _digest(network: HeadNetwork) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
