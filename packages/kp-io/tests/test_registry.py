"""Detectors by name: what is imported, what is refused, and what travels to other processes."""

import pickle
import subprocess
import sys
from importlib.util import find_spec

import pytest
from typer.testing import CliRunner

from kp_io import DetectorChoice, LandmarkDetector, PointSource, make_detector
from kp_io.cli.app import app
from kp_io.detectors.registry import DETECTORS

runner = CliRunner()


def test_dlib_is_the_default_and_takes_the_path_of_its_model():
    pytest.importorskip("dlib", reason="needs the extra kp-io[dlib]")
    from kp_io.detectors.dlib import find_dlib_model

    detector = make_detector()
    assert isinstance(detector, LandmarkDetector)
    assert not isinstance(detector, PointSource)
    assert detector.name == make_detector("dlib", weights=find_dlib_model()).name == DetectorChoice()().name


def test_weights_that_are_none_are_named(tmp_path):
    (tmp_path / "notes.dat").write_text("no model")
    with pytest.raises(FileNotFoundError, match=r"weights of dlib.*nothing\.dat"):
        make_detector("dlib", weights=tmp_path / "nothing.dat")
    pytest.importorskip("dlib", reason="needs the extra kp-io[dlib]")
    with pytest.raises(ValueError, match=r"dlib's model.*notes\.dat"):
        make_detector("dlib", weights=tmp_path / "notes.dat")


@pytest.mark.parametrize(("name", "near"), [("dlibb", "dlib"), ("Face_Alignment", "face-alignment"), ("mesh", None)])
def test_an_unknown_name_gets_the_nearest_ones(name, near):
    with pytest.raises(ValueError, match="expected a detector out of dlib, face-alignment") as caught:
        DetectorChoice(name)
    assert str(caught.value).partition("; ")[2].startswith(f"did you mean {near}" if near else "")
    assert ("did you mean" in str(caught.value)) == (near is not None)


@pytest.mark.parametrize("name", ["dlib", "mediapipe", "precomputed"])
def test_a_device_that_a_detector_does_not_know_is_refused(name):
    if name == "dlib":
        pytest.importorskip("dlib", reason="needs the extra kp-io[dlib]")
    with pytest.raises(ValueError, match=f"cpu for {name}.*'cuda'"):
        make_detector(name, device="cuda")


@pytest.mark.parametrize(("name", "needed"), [("face-alignment", "2DFAN4"), ("face-alignment-3d", "3DFAN4")])
def test_face_alignment_says_what_it_lacks(name, needed, tmp_path):
    if find_spec("face_alignment") is None:
        with pytest.raises(ImportError, match="face-alignment"):
            make_detector(name, weights=tmp_path)
    else:
        with pytest.raises(FileNotFoundError, match=needed):
            make_detector(name, weights=tmp_path)


def test_a_choice_is_one_by_its_values_here_and_in_other_processes(tmp_path):
    choice = DetectorChoice("precomputed", tmp_path, "cpu")
    there = pickle.loads(pickle.dumps(choice))
    assert there == choice
    assert hash(there) == hash(choice)
    assert there().name == "precomputed"


def test_nothing_is_imported_before_it_is_needed():
    code = (
        "import sys, kp_io; kp_io.DetectorChoice('mediapipe'); kp_io.make_detector('precomputed');"
        "print(sorted({'dlib', 'mediapipe', 'face_alignment', 'mpl_toolkits'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["annotate", "build"])
def test_commands_say_what_is_wrong_with_a_detector_before_they_begin(tmp_path, make_video, command):
    pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
    make_video("a.mkv", num_frames=3)
    out = ["-o", str(tmp_path / "out")] if command == "annotate" else [str(tmp_path / "out")]
    for options, words in [
        (["--detector", "dlip"], "did you mean dlib"),
        (["--detector", "mediapipe"], "face_landmarker.task"),
        (["--detector", "mediapipe", "--weights", str(tmp_path / "no.task")], "found nothing at"),
        (["--detector", "precomputed", "--device", "cuda"], "'cuda'"),
    ]:
        result = runner.invoke(app, [command, str(tmp_path), *out, *options])
        assert result.exit_code == 1
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        assert words in result.stderr
        assert not (tmp_path / "out" / "corpus.json").exists()


def test_the_help_names_every_detector():
    shown = " ".join(runner.invoke(app, ["annotate", "--help"], env={"COLUMNS": "200"}).stdout.split())
    assert all(name in shown for name in DETECTORS)
