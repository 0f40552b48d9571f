"""Model cards: a README with the front matter that the Hugging Face Hub reads."""

import hashlib
import json
import re
from pathlib import Path

import torch

from a2k_nets.checkpoints.checkpoint import load_checkpoint, read_tensors
from a2k_nets.checkpoints.resolve import EMBEDDED, embedded_checkpoint
from a2k_nets.config.presets import preset_of

# Licences with an identifier on the Hub; others become "other" with a name.
_HUB_LICENCES = re.compile(r"cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-4\.0|apache-2\.0|mit|bsd-[23]-clause")

_PRESETS = {
    "listener": "a network that hears with the first layers of Whisper's encoder, which the package holds, and moves "
    "the face of the reference; for whole recordings",
    "residual": "a causal network that moves the face of the reference: lips, jaw, brows and lids follow the speech, "
    "and the head follows a seeded random process",
    "paper": "the networks of *Facial Keypoint Sequence Generation from Audio* ([arXiv 2011.01114]"
    "(https://arxiv.org/abs/2011.01114))",
}

# Modules whose tensors are statistics, not parameters.
_BUFFERS = ("normalizer.", "head_motion.", "blinks.", "generator.mean_features", "generator.std_features")

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

Generates the {points} keypoints of a speaking face at {fps} frames per second from speech and one reference face:
{what}.
{parameters:.2f} million parameters; `model.safetensors` holds weights, settings and licence; its sha256 is
`{sha256}`.

```python
from a2k_nets import load_model

model = load_model("FOLDER")  # or an id of the Hub; sha256="…" verifies the file
```

## Licence of the weights

{licence}

## Training data

{about}

## Intended use

Research: keypoints that move with speech, for avatars, animation and the study of talking faces.

They must not be used

- to make a real person appear to say or do what they did not, without their consent, nor to deceive, harass, defraud or
  bypass identity checks;
- to judge people: generated keypoints contain no information about anyone's identity, emotion, health or honesty.

Label a face as generated wherever someone could take it for real.
"""

_ABOUT_MISSING = (
    "The author has not said which footage the weights were trained on, under which terms, and how accurate they "
    "are on unseen speakers."
)


def model_card(path: Path, *, about: str = "") -> str:
    """Return the model card of a checkpoint: contents, training data, and uses that are not allowed.

    The card of the embedded weights is the file beside them, in full.

    Args:
        path: The checkpoint.
        about: Training data, its terms, and accuracy (Markdown).

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
        parameters=sum(t.numel() for name, t in state.items() if not name.startswith(_BUFFERS)) / 1e6,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        licence=licence,
        about=about.strip() or _ABOUT_MISSING,
    )


def _is_embedded(state: dict[str, torch.Tensor]) -> bool:
    def equals(name: str) -> bool:
        embedded, _ = load_checkpoint(embedded_checkpoint(name))
        return embedded.keys() == state.keys() and all(torch.equal(state[key], t) for key, t in embedded.items())

    return any(equals(name) for name in EMBEDDED)


def _hub_licence(licence: str) -> str:
    identifier, *_ = licence.split() or ["unknown"]
    name = identifier.rstrip(",;:").lower()
    return name if _HUB_LICENCES.fullmatch(name) else f"other\nlicense_name: {json.dumps(identifier)}"
