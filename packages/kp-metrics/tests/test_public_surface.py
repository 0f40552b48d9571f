"""What the package offers, and how soon it answers."""

import subprocess
import sys
from pathlib import Path

import pytest

import kp_metrics
from kp_metrics.evaluation.metric_registry import CATALOGUE, DEFAULT_METRICS, find_metrics

README = Path(__file__).parents[1] / "README.md"


def test_every_name_can_be_had_and_every_function_says_how():
    assert kp_metrics.__all__ == sorted(set(kp_metrics.__all__), key=kp_metrics.__all__.index)
    for name in kp_metrics.__all__:
        thing = getattr(kp_metrics, name)
        if callable(thing):
            assert thing.__doc__, name
    assert set(dir(kp_metrics)) == set(kp_metrics.__all__)
    with pytest.raises(AttributeError, match="attribute pkc"):
        _ = kp_metrics.pkc


def test_functions_without_an_example_are_few():
    from kp_metrics import functional

    silent = [n for n in functional.__all__ if callable(f := getattr(functional, n)) and ">>>" not in (f.__doc__ or "")]
    assert silent == []


def test_the_command_line_waits_for_torch():
    code = "import sys, kp_metrics.cli; print([m for m in ('torch', 'numpy', 'torchmetrics') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_readme_lists_every_metric_and_catalogue_is_sound():
    text = README.read_text(encoding="utf-8")
    missing = [info.name for info in CATALOGUE if f"`{info.name}`" not in text]
    assert missing == []
    assert len(find_metrics(DEFAULT_METRICS)) == len(DEFAULT_METRICS)
    assert len({info.name for info in CATALOGUE}) == len(CATALOGUE)
