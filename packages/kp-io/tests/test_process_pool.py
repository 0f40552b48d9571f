"""The pool of processes behind `annotate` and `build`: who dies, who loads the detector, how many threads."""

import os
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from corpus_stand_in import DEADLY, ElsewhereOnly, StandIn, ThreadCounter, Unloadable, Weightless

from kp_io import CorpusOptions, build_corpus, load_keypoints
from kp_io.annotation.jobs import plan_jobs, run_jobs
from kp_io.corpus.rewrite import rewrite_corpus
from kp_io.corpus.shards.schema import OPTIONAL_COLUMNS
from kp_io.corpus.state import CorpusState
from kp_io.media import video_reader
from kp_io.parallel.ray_cluster import run_ray
from kp_io.parallel.threads import decode_in_one_thread, max_threads

pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")

OPTIONS = CorpusOptions(val=0, test=0, clips_per_shard=4)
SPEECH = (0.3 * np.sin(np.arange(24000) / 9)).astype(np.float32)


@pytest.fixture
def videos(tmp_path, make_video):
    made = make_video("made.mkv", pictures=[np.full((48, 64, 3), 90 + i, np.uint8) for i in range(26)], audio=SPEECH)
    (tmp_path / "videos").mkdir()
    for i in range(6):
        shutil.copy(made, tmp_path / "videos" / f"{i}.mkv")
    return tmp_path / "videos"


def test_a_video_that_kills_its_process_loses_only_itself(videos, make_video, tmp_path):
    make_video("videos/2 deadly.mkv", pictures=[np.full((48, 64, 3), DEADLY, np.uint8)] * 26)
    jobs = plan_jobs([videos], tmp_path / "out")
    outcomes = {outcome.job.source.name: outcome for outcome in run_jobs(jobs, workers=2, make_detector=StandIn)}
    assert len(outcomes) == 7
    assert "died twice" in outcomes.pop("2 deadly.mkv").error
    assert {outcome.num_frames for outcome in outcomes.values()} == {26}
    assert len(list((tmp_path / "out").glob("[!.]*.npz"))) == 6


def test_the_process_that_starts_the_others_loads_no_detector(videos, tmp_path):
    elsewhere = ElsewhereOnly(os.getpid())
    build_corpus(videos, tmp_path / "corpus", options=OPTIONS, make_detector=elsewhere, workers=2)
    assert '"detector": "stand-in-1"' in (tmp_path / "corpus" / "corpus.json").read_text()
    outcomes = list(run_jobs(plan_jobs([videos], tmp_path / "out"), workers=2, make_detector=elsewhere))
    assert [outcome.error for outcome in outcomes] == [None] * 6
    with pytest.raises(RuntimeError, match="not here"):
        build_corpus(videos, tmp_path / "other", options=OPTIONS, make_detector=elsewhere)


def test_what_a_detector_lacks_is_told_by_the_workers(videos, tmp_path):
    jobs = plan_jobs([videos], tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="weights"):
        list(run_jobs(jobs, workers=2, make_detector=Weightless()))
    with pytest.raises(FileNotFoundError, match="weights"):
        build_corpus(videos, tmp_path / "corpus", options=OPTIONS, make_detector=Weightless(), workers=2)
    with pytest.raises(ChildProcessError, match="__main__"):
        list(run_jobs(jobs, workers=2, make_detector=Unloadable()))


def test_other_options_show_before_a_worker_starts(videos, tmp_path):
    build_corpus(videos, tmp_path / "corpus", options=OPTIONS, make_detector=StandIn)
    other = CorpusOptions(val=0.5, test=0, clips_per_shard=4)
    with pytest.raises(ValueError, match=r"val 0\.5 instead of 0"):
        build_corpus(videos, tmp_path / "corpus", options=other, make_detector=Unloadable(), workers=2)
    with pytest.raises(ValueError, match="detector 'threads"):
        build_corpus(videos, tmp_path / "corpus", options=OPTIONS, make_detector=ThreadCounter)


def test_workers_start_no_threads_of_their_own(videos, tmp_path):
    jobs = plan_jobs([videos], tmp_path / "out")
    list(run_jobs(jobs, workers=2, make_detector=ThreadCounter))
    assert {load_keypoints(job.target).detector for job in jobs} == {"threads: decoder 1, torch 1, cv2 1"}


def test_decoders_keep_to_the_limit(videos, monkeypatch):
    assert max_threads() == 0, "as many as they like"
    with decode_in_one_thread():
        container, stream = video_reader._open_video(videos / "0.mkv")
        assert stream.codec_context.thread_count == 1
        container.close()
    assert max_threads() == 0
    asked = []
    monkeypatch.setattr("kp_io.media.video_frame.max_threads", lambda: asked.append(1) or 1)
    next(video_reader.read_video(videos / "0.mkv"))
    assert asked, "the conversion to RGB asks as well"


def test_a_damaged_video_gives_the_same_bytes_for_any_number_of_workers(videos, tmp_path, make_video):
    noise = np.random.default_rng(0).integers(60, 200, (40, 6, 8, 3), np.uint8).repeat(16, 1).repeat(16, 2)
    file = make_video("videos/damaged.mkv", pictures=list(noise), audio=SPEECH, options={"qp": "30"})
    content = bytearray(file.read_bytes())
    for position in np.random.default_rng(1).integers(2000, len(content) - 2000, 40):
        content[position] ^= 255
    file.write_bytes(content)
    for workers in (1, 2):
        build_corpus(videos, tmp_path / str(workers), options=OPTIONS, make_detector=StandIn, workers=workers)
    one, two = ({file.name: file.read_bytes() for file in (tmp_path / name / "data").iterdir()} for name in ("1", "2"))
    assert one == two


@pytest.mark.skipif(os.name == "nt", reason="needs fcntl, to see how a file was opened")
def test_only_files_that_may_be_written_are_synced(videos, tmp_path, monkeypatch):
    """Windows refuses the others."""
    import fcntl

    synced = []

    def fsync(handle):
        assert fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        synced.append(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    build_corpus(videos, tmp_path / "corpus", options=OPTIONS, make_detector=StandIn)
    assert len(synced) >= 5, "two shards, their records, the settings"
    before = len(synced)
    columns = sorted(OPTIONAL_COLUMNS)
    rewrite_corpus(tmp_path / "corpus", lambda _: dict.fromkeys(columns, 0.0), columns=columns)
    assert len(synced) > before


class _FakeRay:
    """Ray's interface in this process: an actor is an object, a task is done when it is made."""

    class exceptions:  # noqa: N801
        class RayActorError(Exception):
            pass

        class RayTaskError(Exception):
            def __init__(self, cause):
                self.cause = cause

    def is_initialized(self):
        return True

    def remote(self, **_):
        def wrap(kind):
            def make(*arguments):
                actor = kind(*arguments)
                methods = {name: getattr(actor, name) for name in ("start", "call")}
                return SimpleNamespace(**{name: SimpleNamespace(remote=_task(run)) for name, run in methods.items()})

            return SimpleNamespace(remote=make)

        return wrap

    def wait(self, tasks):
        return [tasks[-1]], tasks[:-1]  # those that start are last

    def get(self, task):
        return task()


def _task(run):
    def remote(*arguments):
        try:
            result = run(*arguments)
        except Exception as error:
            return lambda failure=error: _raise(_FakeRay.exceptions.RayTaskError(failure))
        return lambda: result

    return remote


def _raise(error):
    raise error


class _Named:
    def __init__(self, names):
        self.names = iter(names)

    def start(self):
        return next(self.names)

    def __call__(self, task):
        return -task


@pytest.fixture
def fake_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", _FakeRay())
    monkeypatch.setattr("kp_io.parallel.ray_cluster.use_one_thread", lambda: None)


def test_actors_name_their_detectors(fake_ray):
    names = []
    results = dict(run_ray(_Named(["a", "b"]), [1, 2, 3], workers=2, on_start=names.append))
    assert results == {1: -1, 2: -2, 3: -3}
    assert set(names) <= {"a", "b"}


def test_an_actor_with_another_detector_ends_the_build(fake_ray, tmp_path):
    state = CorpusState(tmp_path)
    with pytest.raises(ValueError, match=r"detector '.' instead of '.'"):
        list(run_ray(_Named("ab"), [1, 2, 3], workers=2, on_start=lambda name: state.begin({"detector": name})))


def test_an_actor_without_weights_says_so(fake_ray, videos, tmp_path):
    with pytest.raises(FileNotFoundError, match="weights"):
        build_corpus(videos, tmp_path / "corpus", options=OPTIONS, make_detector=Weightless(), workers=2, engine="ray")
