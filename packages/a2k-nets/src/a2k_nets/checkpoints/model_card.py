"""The card of a model: a README for people, with the few lines that the Hugging Face Hub reads."""

import hashlib
import json
import re
from pathlib import Path

import torch

from a2k_nets.checkpoints.checkpoint import load_checkpoint, read_tensors
from a2k_nets.checkpoints.resolve import embedded_checkpoint
from a2k_nets.config.presets import preset_of

# What the Hub takes as they are; another licence is "other" to it, with its name.
_HUB_LICENCES = re.compile(r"cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-4\.0|apache-2\.0|mit|bsd-[23]-clause")

_PRESETS = {
    "residual": "a causal network that moves the reference's own face: lips, jaw, brows and lids follow the speech, "
    "and the head moves by a seeded process",
    "paper": "the networks of *Facial Keypoint Sequence Generation from Audio* ([arXiv 2011.01114]"
    "(https://arxiv.org/abs/2011.01114))",
}

_HEADER = """---
license: {licence}
library_name: a2k-nets
tags:
- audio-to-keypoint
- facial-keypoints
- talking-face
---

"""

_CARD = """# Audio2Keypoint, preset `{preset}`

Speech and the {points} keypoints of one face in, the keypoints of that face speaking out, {fps} frames a second:
{what}.
{parameters:.2f} million parameters; `model.safetensors` holds weights, settings and licence, and has the sha256
`{sha256}`.

```python
from a2k_nets.pretrained import load_model

model = load_model("FOLDER")  # or an id of the Hub; sha256="…" checks the file first
```

## Licence of the weights

{licence}

## What they saw

{about}

## What they are for

Research: keypoints that move as speech does, for avatars, animation and the study of talking faces.

They must not be used

- to make a real person appear to say or do what they did not, without their consent, nor to deceive, harass, defraud or
  get around identity checks;
- to judge people: keypoints that a network made up say nothing of anyone's identity, emotion, health or honesty.

Say that a face is generated wherever someone could take it for real.
"""

_UNSAID = (
    "Whoever trained them has not said: which footage, under which terms, and how good they are on speakers that they "
    "never heard."
)


def model_card(path: Path, *, about: str = "") -> str:
    """Return the card of a checkpoint: what is in the file, what its maker says, and what it must not be used for.

    The weights that come with the package have theirs beside them; it is told in full.

    Args:
        path: The checkpoint.
        about: What its maker says: footage, terms, figures (Markdown).

    Example:
        >>> print(model_card(embedded_checkpoint()).splitlines()[1])
        license: cc-by-nc-4.0
    """
    state, config = load_checkpoint(path)
    licence = read_tensors(path)[1].get("licence", "not told")
    header = _HEADER.format(licence=_hub_licence(licence))
    if _is_embedded(state):
        card = embedded_checkpoint().with_name("MODEL_CARD.md").read_text(encoding="utf-8")
        return header + card + (f"\n{about.strip()}\n" if about.strip() else "")
    return header + _CARD.format(
        preset=preset_of(config),
        points=config.num_keypoints,
        fps=config.fps,
        what=_PRESETS[preset_of(config)],
        parameters=sum(
            t.numel() for name, t in state.items() if not name.startswith(("normalizer.", "head_motion.", "blinks."))
        )
        / 1e6,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        licence=licence,
        about=about.strip() or _UNSAID,
    )


def _is_embedded(state: dict[str, torch.Tensor]) -> bool:
    ours = read_tensors(embedded_checkpoint())[0]
    return ours.keys() == state.keys() and all(torch.equal(state[name], tensor) for name, tensor in ours.items())


def _hub_licence(licence: str) -> str:
    identifier, *_ = licence.split() or ["unknown"]
    name = identifier.rstrip(",;:").lower()
    return name if _HUB_LICENCES.fullmatch(name) else f"other\nlicense_name: {json.dumps(identifier)}"
