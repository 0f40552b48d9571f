"""A corpus built by a local Ray cluster, whose actors die."""

import os
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from corpus_stand_in import DEADLY, KilledOnce, StandIn

from kp_io import CorpusOptions, build_corpus

pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")


def test_without_ray_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mp4").touch()
    with pytest.raises(ImportError, match=r"kp-io\[ray\]"):
        build_corpus(tmp_path / "videos", tmp_path / "out", make_detector=StandIn, engine="ray")


@pytest.fixture
def ray(monkeypatch):
    ray = pytest.importorskip("ray", reason="needs the extra kp-io[ray]")
    tests = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")]))
    try:
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    except Exception as error:
        pytest.skip(f"needs a machine on which Ray starts: {error}")
    yield ray
    ray.shutdown()


@pytest.mark.filterwarnings("ignore")  # Ray leaves sockets and subprocesses to the garbage collector
def test_a_cluster_makes_the_same_bytes_and_survives_dead_actors(ray, make_video, tmp_path):
    speech = (0.3 * np.sin(np.arange(24000) / 9)).astype(np.float32)
    root = tmp_path / "videos"
    root.mkdir()
    for n, colour in enumerate([(90, 90, 90), (120, 120, 120), DEADLY, (150, 150, 150)]):
        make_video(f"videos/{n}.mkv", pictures=[np.full((48, 64, 3), colour, np.uint8)] * 26, audio=speech)
    options = CorpusOptions(val=0, test=0, clips_per_shard=3)
    killed = partial(KilledOnce, str(tmp_path / "mark"))
    summary = build_corpus(root, tmp_path / "cluster", options=options, make_detector=killed, workers=2, engine="ray")
    assert (tmp_path / "mark").exists()
    assert summary.failures == {"crashed": 1}, "only the video that kills every time is lost"
    (root / "2.mkv").write_bytes(bytes((root / "2.mkv").stat().st_size))
    build_corpus(root, tmp_path / "local", options=options, make_detector=StandIn)
    shards = sorted(path.name for path in (tmp_path / "local" / "data").iterdir())
    assert len(shards) == 2
    for name in shards:
        assert (tmp_path / "cluster" / "data" / name).read_bytes() == (tmp_path / "local" / "data" / name).read_bytes()
