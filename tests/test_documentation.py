"""What the documentation tells users to type works, its navigation is whole, and its figures agree."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def run_blocks(root, tmp_path, monkeypatch):
    """Run the blocks of a page in their order, as a reader would in a folder of a fresh clone."""
    document = pytest.importorskip("sybil.document", reason="sybil finds the blocks of a page").Document
    from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

    def in_a_shell(block):
        bash = ["bash", "-euo", "pipefail", "-c", block.parsed]
        done = subprocess.run(bash, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block.path}:{block.line}\n{done.stdout}{done.stderr}"

    parsers = {"python": PythonCodeBlockParser(), "sh": CodeBlockParser("sh", in_a_shell)}

    def run(page: str, *languages: str, folder: str = ".") -> None:
        (tmp_path / "examples").symlink_to(root / "examples")
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(tmp_path / folder)
        # The commands of the Python that runs the tests, whatever else is installed.
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        for block in document.parse(str(root / page), *(parsers[name] for name in languages), SkipParser()):
            block.evaluate()

    return run


def test_the_tutorial(run_blocks, tmp_path, capsys):
    run_blocks("docs/tutorial.md", "python", "sh", folder="out/tutorial")
    out = tmp_path / "out" / "tutorial"
    for name in ("speech.mp4", "frames.png", "seen.mp4", "clips/anna.wav", "runs/first/model.safetensors", "first.npz"):
        assert (out / name).is_file(), name
    assert capsys.readouterr().out == "torch.Size([178, 68, 2])\n178\n"
    # The page says what the gains of the calm face do to its scores.
    compare = ["kp-metrics", "compare", "calm.npz", "speech.npz", "--json", "--resamples", "0"]
    calm = json.loads(subprocess.run(compare, capture_output=True, text=True, check=True).stdout)
    scores = {score["metric"]: score["value"] for score in calm["scores"] if score["row"] == "calm"}
    assert scores["mouth_correlation"] > 0.95
    assert scores["mouth_amplitude_ratio"] == pytest.approx(0.5, abs=0.1)
    assert scores["head_amplitude_ratio"] == pytest.approx(0.3, abs=0.05)


def test_the_ten_lines_of_the_readme(run_blocks, tmp_path, capsys):
    run_blocks("README.md", "python")
    assert (tmp_path / "keypoints.npz").is_file()
    assert (tmp_path / "keypoints.mp4").is_file()
    assert capsys.readouterr().out.startswith("KeypointSequence(")


class _Blender(SimpleNamespace):
    """What the page uses of Blender: objects with a location, and keyframes of it."""

    def __init__(self):
        self.keyframes = []
        scene = SimpleNamespace(render=SimpleNamespace(fps=24))
        links = SimpleNamespace(objects=SimpleNamespace(link=lambda empty: None))
        self.context = SimpleNamespace(scene=scene, collection=links)
        self.data = SimpleNamespace(objects=SimpleNamespace(new=self.new))

    def new(self, name, data):
        empty = SimpleNamespace(name=name, location=None)
        empty.keyframe_insert = lambda data_path, frame: self.keyframes.append((name, frame, empty.location))
        return empty


def test_what_can_be_built_with_keypoints(root, run_blocks, tmp_path, monkeypatch):
    from skimage.data import astronaut

    from kp_io import load_keypoints, read_audio, write_audio, write_image

    write_image(tmp_path / "face.png", astronaut())
    speech = read_audio(root / "examples" / "assets" / "sense_and_sensibility_0870.wav")[:16_000]
    write_audio(tmp_path / "speech.wav", speech, sample_rate=16_000)
    blender = _Blender()
    monkeypatch.setitem(sys.modules, "bpy", blender)
    run_blocks("docs/building.md", "sh", "python")
    sequence = load_keypoints(tmp_path / "speech.npz")
    assert len(list((tmp_path / "conditions").glob("*.png"))) == len(sequence) == 25
    shapes = json.loads((tmp_path / "shapes.json").read_text())
    assert len(shapes["jawOpen"]) == 25
    assert all(0 <= value < 0.6 for name in ("jawOpen", "eyeLeft", "eyeRight") for value in shapes[name])
    assert len(blender.keyframes) == 25 * 68
    name, frame, (x, _, z) = blender.keyframes[8]
    assert (name, frame, blender.context.scene.render.fps) == ("point_08", 1, 25)
    width = sequence.image_size[1]
    chin = sequence.keypoints[0, 8]
    assert (x, z) == pytest.approx((float(chin[0]) / width - 0.5, 0.5 - float(chin[1]) / width), abs=1e-5)


def test_the_script_that_writes_a_manifest(run_blocks, tmp_path):
    from a2k_train.data.clip_folder import read_manifest

    for speaker in ("anna", "bert", "cleo", "dora", "emil", "fred"):
        for name in ("monday", "friday"):
            (tmp_path / "clips" / speaker).mkdir(parents=True, exist_ok=True)
            (tmp_path / "clips" / speaker / f"{name}.npz").touch()
    run_blocks("docs/manifest.md", "python")
    rows = read_manifest(tmp_path / "clips" / "manifest.csv")
    assert {row["split"] for row in rows if row["speaker"] == "emil"} == {"val"}
    assert {"id": "anna/monday", "speaker": "anna", "split": "train"} in rows
    assert len(rows) == 12


def test_every_page_is_in_the_navigation(root):
    navigation = set(re.findall(r": (\S+\.md)$", (root / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    pages = {path.relative_to(root / "docs").as_posix() for path in (root / "docs").rglob("*.md")}
    assert pages <= navigation, f"expected them in mkdocs.yml: {pages - navigation}"


def scores(page):
    """The columns of a page's first table of scores, by their titles."""
    table = re.search(r"^\| \| mouth r.*?\n\n", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].strip().splitlines()]
    del rows[1]  # the rule below the titles
    return {column[0]: column[1:] for column in zip(*rows, strict=True)}


def test_the_readme_has_the_figures_of_the_model_card(root):
    card = scores(root / "packages" / "a2k-nets" / "src" / "a2k_nets" / "weights" / "MODEL_CARD.md")
    readme = scores(root / "README.md")
    assert len(readme) >= 5
    assert readme == {title: card[title] for title in readme}


def test_links_lead_to_files(root):
    pages = [root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")]
    for page in pages:
        text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s#]+)", text):
            if ":" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_what_is_wrong_with_a_site_is_said(root, tmp_path):
    spec = importlib.util.spec_from_file_location("check_site", root / "docs" / "scripts" / "check_site.py")
    check_site = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check_site)
    (tmp_path / "there.html").write_text('<h2 id="here">A</h2><script src="https://cdn.example/x.js"></script>')
    links = '<a href="there.html#here"></a><a href="there.html#gone"></a><a href="gone.html"></a><a href="https://x.org"></a>'
    (tmp_path / "index.html").write_text(f'{links}<img src="data:image/png;base64,"><a href="#top"></a>')
    assert list(check_site.problems(tmp_path)) == [
        "index.html links to there.html#gone, an anchor that is not there",
        "index.html links to gone.html, which is no file",
        "index.html links to #top, an anchor that is not there",
        "there.html is not whole without https://cdn.example/x.js",
    ]
