"""Export of a run's model as a folder for sharing."""

import hashlib
from pathlib import Path

from a2k_nets import AnyModel, Audio2Keypoint, PaperAudio2Keypoint, PaperConfig, load_model
from a2k_nets.checkpoints import load_state_strict
from a2k_train.config.toml_file import config_to_toml, read_config
from a2k_train.config.train_config import TrainConfig
from a2k_train.training.checkpoint import read_state
from kp_io.filesystem import atomic_path

_ABOUT = """Trained for {step} by a2k-train; `config.toml` tells how, and `SHA256SUMS` has the digest.

**For whoever shares this folder:** say here which footage the weights saw, and under which terms.
{table}"""


def publish(run: Path | str, out: Path | str, *, which: str = "last") -> Path:
    """Write a run's weights, settings, model card and digest to a folder; return the path of the weights.

    An existing model card, `README.md`, is not changed.

    Args:
        run: Folder of a finished or interrupted run of `fit`.
        out: Output folder.
        which: `last`; or `best`, by validation.

    Raises:
        FileNotFoundError: The folder holds no run, or the run has no validation.
        ValueError: A file is damaged, or `which` is neither.
    """
    run, out = Path(run), Path(out)
    if which not in ("last", "best"):
        raise ValueError(f"expected which to be last or best, got {which!r}")
    if not (run / "config.toml").is_file():
        raise FileNotFoundError(f"expected the folder of a run, found no config.toml in {run}")
    config = read_config(run / "config.toml")
    if which == "best":
        if not (run / "best" / "model.safetensors").is_file():
            raise FileNotFoundError(f"expected a run with validations (validate_every), found no best model in {run}")
        model, step = load_model(run / "best"), "as many steps as scored best in its validations"
    else:
        model, step = _from_state(run / "state.safetensors", config)
    path = model.save_pretrained(out, about=_ABOUT.format(step=step, table=_table(run)))
    texts = {
        "config.toml": config_to_toml(config),
        "SHA256SUMS": f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n",
    }
    for name, text in texts.items():
        with atomic_path(out / name) as file:
            file.write_text(text, encoding="utf-8")
    return path


def _from_state(state: Path, config: TrainConfig) -> tuple[AnyModel, str]:
    tensors, metadata = read_state(state)
    model: AnyModel = (
        PaperAudio2Keypoint(config.model) if isinstance(config.model, PaperConfig) else Audio2Keypoint(config.model)
    )
    # torch's AveragedModel adds a prefix to the names.
    prefix = "average/module." if config.ema_decay > 0 else "model/"
    load_state_strict(model, {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)})
    return model.eval(), f"{metadata.get('step', 'an unknown number of')} steps"


def _table(run: Path) -> str:
    table = run / "table.md"
    return f"\n### How good they are\n\n{table.read_text(encoding='utf-8')}" if table.is_file() else ""
