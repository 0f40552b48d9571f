"""Every command that README and the pages print exists with those options, and those of the READMEs run as printed."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest
import typer.main

COMMANDS = ("kp-io", "kp-metrics", "a2k", "a2k-train", "kp-render")

#: The two lines that install everything, the same in every README.
INSTALL = (
    "pip install torch=={torch} --index-url https://download.pytorch.org/whl/cpu\n"
    'pip install -c constraints.txt "packages/kp-io[all]" "packages/kp-metrics[all]" "packages/a2k-nets[all]" '
    '"packages/a2k-train[all]" "packages/kp-render[all]"\n'
)

#: Lines of the READMEs that cannot run here, by a part of them; their options are checked all the same.
NOT_RUN = {
    "pip install": "needs an index; test_every_readme_has_the_install_lines reads them",
    "nox": "its sessions are CI itself; test_the_sessions_exist",
    "a2k web": "serves until it is stopped; test_web_*.py",
    "a2k serve": "serves until it is stopped; test_cli_serve.py",
    "a2k sync corpus/": "needs a corpus of people who speak; test_cli_sync.py",
    "--apply fixed.mp4": "needs lips that move; test_cli_sync.py",
    "--mic": "needs a microphone",
    "mediapipe": "needs weights that are not ours to give",
    "vox2/": "needs Ray; nox -s ray",
    "torchrun": "needs GPUs",
}


def pages(root):
    return [
        root / "README.md",
        *sorted((root / "docs").rglob("*.md")),
        *sorted((root / "packages").glob("*/README.md")),
    ]


def shell_lines(page: Path) -> list[str]:
    """The lines of the shell blocks of a page, continued lines joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def calls(line: str) -> list[list[str]]:
    """The calls of our commands in a line, as lists of words."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    redirected = False
    for word in lexer:
        if set(word) <= set("|&;"):
            found.append([])
        elif set(word) <= set("<>"):
            redirected = True
        elif redirected:
            redirected = False
        else:
            found[-1].append(word)
    return [words for words in found if words and words[0] in COMMANDS]


@pytest.fixture(scope="module")
def apps():
    scripts = {script.name: script for script in entry_points(group="console_scripts") if script.name in COMMANDS}
    return {name: typer.main.get_command(script.load()) for name, script in scripts.items()}


def test_every_printed_command_has_these_options(root, apps):
    checked = 0
    for page in pages(root):
        for line in shell_lines(page):
            for name, subcommand, *arguments in calls(line):
                if name == "kp-render" and subcommand not in apps[name].commands:
                    subcommand, arguments = "render", [subcommand, *arguments]  # it need not be named
                command = apps[name].commands.get(subcommand)
                assert command is not None, f"{page.name}: {name} has no command {subcommand}"
                parser = command.make_parser(click.Context(command))
                try:
                    given, rest, _ = parser.parse_args([word for word in arguments if word != "…"])
                except click.UsageError as error:
                    pytest.fail(f"{page.name}: {line}\n{error.format_message()}")
                assert not rest, f"{page.name}: {line}\n{rest} is too much"
                for option in command.params:
                    hidden = getattr(option, "hidden", False) and given.get(option.name) is not None
                    assert not hidden, f"{page.name}: {line}\n{option.opts} is out of use"
                checked += 1
    assert checked > 60


def test_every_readme_has_the_install_lines(root):
    torch = re.search(r"^torch==(\S+)$", (root / "constraints.txt").read_text(), re.MULTILINE)[1]
    for page in (root / "README.md", root / "docs" / "tutorial.md", *(root / "packages").glob("*/README.md")):
        assert INSTALL.format(torch=torch) in page.read_text(encoding="utf-8"), page


def test_siblings_are_installed_before_who_needs_them(root):
    """pip 23 asks the index for a sibling that is named later, or without the extra that is needed."""
    needed = {"io": {"dlib"}, "tts": {"tts"}, "serve": {"dlib"}, "web": {"dlib", "tts"}, "all": {"dlib", "tts"}}
    lines = [line for page in pages(root) for line in shell_lines(page) if line.startswith("pip install")]
    assert len(lines) > 10
    for line in lines:
        order = [
            (m[1], set(m[2].split(",")) if m[2] else set())
            for m in re.finditer(r"packages/([\w-]+)(?:\[(.*?)\])?", line)
        ]
        names = [name for name, _ in order]
        assert names == sorted(names, key=["kp-io", "kp-metrics", "a2k-nets", "a2k-train", "kp-render"].index), line
        extras = dict(order)
        wanted = set().union(*(needed[extra] for extra in extras.get("a2k-nets", set()) if extra in needed))
        assert wanted <= extras.get("kp-io", set()) or "all" in extras["kp-io"], line


def test_the_sessions_exist(root):
    sessions = re.findall(r"^@nox\.session.*\ndef (\w+)", (root / "noxfile.py").read_text(), re.MULTILINE)
    for page in pages(root):
        for name in re.findall(r"nox -s ([a-z_]+)", page.read_text(encoding="utf-8")):
            assert name in sessions, f"{page.name}: nox -s {name}"


@pytest.fixture(scope="module")
def inputs(root, tmp_path_factory):
    """The files that the READMEs speak of: faces, speech, videos, tables of points."""
    import numpy as np
    from skimage.data import astronaut

    from a2k_nets import Audio2Keypoint
    from kp_io import read_audio, write_audio, write_image, write_video

    folder = tmp_path_factory.mktemp("readme")
    face = astronaut()
    voice = read_audio(root / "examples" / "assets" / "sense_and_sensibility_0870.wav")[: 3 * 16_000]
    write_audio(folder / "speech.wav", voice, sample_rate=16_000)
    for name in ("face.png", "photo.jpg"):
        write_image(folder / name, face)
    write_image(folder / "group.jpg", np.concatenate([face, face[:, ::-1]], axis=1))
    write_video(folder / "talk.mp4", [face] * 62, fps=25.0, audio=voice[: 62 * 640])
    (folder / "videos").mkdir()
    for name in ("panel.mp4", "film.mp4", "real.mp4", "videos/anna.mp4", "videos/bert.mp4"):
        shutil.copy(folder / "talk.mp4", folder / name)
    mean_face = Audio2Keypoint.from_pretrained().normalizer.mean_face.double().numpy()
    points = 150 * mean_face + 250 + np.random.default_rng(1).normal(size=(62, 68, 2))
    for name in ("preds", "truths"):
        (folder / name).mkdir()
    for name in ("pred", "truth", "ours", "theirs", "preds/a", "truths/a", "talk"):
        arrays = {
            "format_version": 1,
            "scores": np.ones((62, 68), np.float32),
            "layout": "ibug68",
            "detector": "made up",
        }
        points = points + 1
        np.savez(folder / f"{name}.npz", keypoints=points.astype(np.float32), fps=25.0, image_size=(512, 512), **arrays)
    person = {"image_id": 1, "category_id": 1, "keypoints": [10, 10, 2, 20, 30, 2, 40, 20, 2], "area": 900.0, "id": 1}
    (folder / "person_keypoints.json").write_text(json.dumps({"images": [{"id": 1}], "annotations": [person]}))
    (folder / "results.json").write_text(json.dumps([{**person, "score": 0.9}]))
    return folder


@pytest.mark.parametrize(
    "page", ["README.md", *(f"packages/{name}/README.md" for name in ("kp-io", "kp-metrics", "a2k-nets"))]
)
def test_the_commands_of_a_readme_run_as_printed(root, inputs, page):
    for module in ("dlib", "espeakng_loader", "pyarrow", "onnxscript", "skimage"):
        pytest.importorskip(module, reason="the READMEs use the extras")
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = 0
    for line in shell_lines(root / page):
        if any(part in line for part in NOT_RUN) or (line.startswith("ffmpeg") and shutil.which("ffmpeg") is None):
            continue
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", line],
            cwd=inputs,
            env={**os.environ, "PATH": paths},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{page}: {line}\n{done.stdout[-500:]}{done.stderr[-2000:]}"
        ran += 1
    assert ran >= 3


#: Runs the trainings of the README with few steps; everything else is as printed.
FEW_STEPS = """a2k-train() {
  case $1 in
    fit | crossval) command a2k-train "$@" --steps 2 --set batch_size=2 --set window_frames=16 ;;
    *) command a2k-train "$@" ;;
  esac
}
"""


def test_the_trainings_of_the_readme_run_as_printed_but_for_their_steps(root, tmp_path):
    import torch

    from a2k_nets import Audio2Keypoint, generate_sequence
    from kp_io import KeypointSequence, read_audio, save_keypoints, write_audio

    voice = read_audio(root / "examples" / "assets" / "sense_and_sensibility_0870.wav")[:25_600]
    mean_face = 60 * Audio2Keypoint.from_pretrained().normalizer.mean_face + 112
    face = KeypointSequence(mean_face[None].to(torch.float32), image_size=(224, 224))
    table = ["id,speaker,split"]
    for number, split in enumerate(["train"] * 6 + ["val"] * 4 + ["hard"] * 2):
        sequence = generate_sequence(face, voice, seed=number)
        save_keypoints(tmp_path / "clips" / f"{number}.npz", sequence)
        write_audio(tmp_path / "clips" / f"{number}.wav", voice[: len(sequence) * 640], sample_rate=16_000)
        table.append(f"{number},speaker {number},{split}")
    (tmp_path / "clips" / "manifest.csv").write_text("\n".join(table))
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    lines = [line for line in shell_lines(root / "packages" / "a2k-train" / "README.md") if " clips/ " in line]
    for line in (line for line in lines if line.startswith("a2k-train")):
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", FEW_STEPS + line],
            cwd=tmp_path,
            env={**os.environ, "PATH": paths},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-500:]}{done.stderr[-2000:]}"
    assert (tmp_path / "runs" / "final" / "model.safetensors").is_file()
    assert (tmp_path / "runs" / "hard" / "table.md").is_file()
