"""Module paths of release 0.1.0 keep working."""

import subprocess
import sys

OLD_IMPORTS = """
from a2k_train.ablation import ablate
from a2k_train.clips import Clip
from a2k_train.config import TrainConfig, defaults
from a2k_train.config_file import read_config
from a2k_train.crossval import cross_validate
from a2k_train.evaluate import evaluate
from a2k_train.fit import fit
from a2k_train.open_clips import open_clips
from a2k_train.prefetch import Prefetcher
from a2k_train.publish import publish
from a2k_train.table import summarize
from a2k_train.windows import WindowSampler
import a2k_train
from a2k_train.training.fit import fit as moved
assert fit is moved
try:
    a2k_train.publish("no", "out", which="best of all")
except ValueError as error:
    assert "expected which to be last or best" in str(error)
"""


def test_old_paths_import_the_new_modules_with_a_warning():
    done = subprocess.run([sys.executable, "-c", OLD_IMPORTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "DeprecationWarning: a2k_train.fit has moved to a2k_train.training.fit" in done.stderr
    assert done.stderr.count("DeprecationWarning") == 11
