"""Install each wheel of a folder in an environment of its own, as a user would, and run it.

Usage: try_distributions.py DIST. One shared environment holds torch, which all packages need and which is by far the
largest. The siblings are installed from files, since an index may have other packages of the same names.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SPEECH = ROOT / "examples" / "assets" / "sense_and_sensibility_0870.wav"

SAVE_POINTS = """
import sys, numpy as np
points = np.random.default_rng(0).uniform(0, 200, (1, 68, 2)) + np.zeros((30, 1, 1))
for path in sys.argv[1:]:
    np.savez(path, keypoints=points.astype(np.float32), fps=25.0, image_size=(240, 320))
    points = points + 1
"""

GENERATE = """
import torch
from a2k_nets import Audio2Keypoint
from a2k_nets.checkpoints.resolve import embedded_checkpoint
for line in embedded_checkpoint().with_name("SHA256SUMS").read_text().splitlines():
    sha256, name = line.split()
    if name.startswith("whisper"):
        continue
    model = Audio2Keypoint.from_pretrained(name.removesuffix(".safetensors"), sha256=sha256)
    keypoints = model(torch.rand(1, 16_000) - 0.5, 60 * model.normalizer.mean_face[None] + 112)
    assert keypoints.shape == (1, 25, 68, 2), keypoints.shape
"""

WARP = """
import torch
from kp_render import make_portrait_warp
from kp_render.geometry.mean_head import mean_head
face = mean_head()[:, :2] * 0.4 + 64
assert make_portrait_warp(torch.rand(3, 128, 128), face)(face[None] + 1).shape == (1, 3, 128, 128)
"""

SAVE_SEQUENCE = """
import kp_io, torch
points = 100 + 50 * torch.rand(30, 68, 2, generator=torch.Generator().manual_seed(0))
kp_io.save_keypoints("face.npz", kp_io.KeypointSequence(points, image_size=(240, 320)))
"""

SAVE_FACE = "import sys, kp_io, skimage.data; kp_io.write_image(sys.argv[1], skimage.data.astronaut())"

ORIGINS = """
import importlib.util, json
from importlib.metadata import distributions
names = {d.metadata["Name"]: d.read_text("direct_url.json") for d in distributions()}
packages = ("kp-io", "kp-metrics", "a2k-nets", "a2k-train", "kp-render")
ours = {n: json.loads(u)["url"] for n, u in names.items() if n in packages}
print(json.dumps(ours))
"""


class Environment:
    """A virtual environment for wheels."""

    def __init__(self, folder: Path, dist: Path, *, beside: "Environment | None" = None) -> None:
        self.folder, self.dist = folder, dist
        venv.create(folder, symlinks=os.name != "nt")
        self.scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        # A PYTHONPATH, e.g. of the repository, would hide the installed packages.
        self.variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        if beside is not None:
            (self.site_packages / "beside.pth").write_text(f"{beside.site_packages}\n", encoding="utf-8")

    @property
    def site_packages(self) -> Path:
        return next(self.folder.glob("lib/python*/site-packages"), self.folder / "Lib" / "site-packages")

    def install(self, *requirements: str) -> None:
        """Install our wheels, by module name with extras, and other requirements."""
        wheels = {path.name.split("-")[0]: path for path in self.dist.glob("*.whl")}
        named = [self._named(requirement, wheels) for requirement in requirements]
        pip = [sys.executable, "-m", "pip", "--python", str(self.scripts / "python")]
        constraints = str(ROOT / "constraints.txt")
        self._run([*pip, "install", "--quiet", "--no-compile", "-c", constraints, *named])
        self._run([*pip, "check"])

    def _named(self, requirement: str, wheels: dict[str, Path]) -> str:
        module, bracket, extras = requirement.partition("[")
        return f"{wheels[module]}{bracket}{extras}" if module in wheels else requirement

    def run(self, command: str, *arguments: object, fails: str = "") -> str:
        """Run a command of the environment; with `fails`, it must exit with code 1 and one line with that text."""
        return self._run([str(self.scripts / command), *map(str, arguments)], fails=fails)

    def _run(self, command: list[str], *, fails: str = "") -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False, timeout=600
        )
        output = done.stdout + done.stderr
        lines = done.stderr.strip().splitlines()
        expected = done.returncode == 0 if not fails else done.returncode == 1 and len(lines) == 1 and fails in output
        if not expected:
            sys.exit(f"error: {' '.join(command)} ended with {done.returncode}:\n{output}")
        return done.stdout


def kp_metrics_alone(env: Environment) -> None:
    """Compare two files."""
    env.install("kp_metrics")
    only(env, {"kp-metrics"})
    env.run("python", "-c", SAVE_POINTS, "a.npz", "b.npz")
    env.run("kp-metrics", "--help")
    table = json.loads(env.run("kp-metrics", "compare", "a.npz", "b.npz", "-m", "keypoint_l1,pck", "--json"))
    assert table, "expected numbers"


def kp_io_alone(env: Environment) -> None:
    """Render and convert a file."""
    env.install("kp_io")
    only(env, {"kp-io"})
    env.run("python", "-c", SAVE_SEQUENCE)
    env.run("kp-io", "--help")
    env.run("kp-io", "render", "face.npz", "-o", "face.mp4")
    env.run("kp-io", "convert", "face.npz", "face.csv")
    assert (env.folder / "face.mp4").stat().st_size > 1000
    assert len((env.folder / "face.csv").read_text().splitlines()) > 1


def a2k_nets_alone(env: Environment) -> None:
    """Generate tensors with the embedded weights; the commands name missing extras."""
    env.install("a2k_nets")
    only(env, {"a2k-nets"})
    env.run("python", "-c", GENERATE)
    env.run("a2k", "--help")
    env.run("a2k", "generate", "--image", "face.png", "--audio", SPEECH, "-o", "out.npz", fails="a2k-nets[io]")
    env.run("a2k", "export", "model.onnx", fails="a2k-nets[onnx]")


def kp_render_alone(env: Environment) -> None:
    """Warp tensors; the command names the missing extra."""
    env.install("kp_render")
    only(env, {"kp-render"})
    env.run("python", "-c", WARP)
    env.run("kp-render", "--help")
    env.run("kp-render", "face.png", "talk.npz", "-o", "talk.mp4", fails="kp-render[io]")


def all_together(env: Environment) -> None:
    """Run all steps: annotate, generate, render, compare, train."""
    env.install("kp_io[dlib]", "kp_metrics", "a2k_nets[io]", "a2k_train", "kp_render[io]", "scikit-image")
    only(env, {"kp-io", "kp-metrics", "a2k-nets", "a2k-train", "kp-render"})
    env.run("python", "-c", SAVE_FACE, "face.png")
    env.run("kp-io", "annotate", "face.png", "-o", "face.npz")
    (env.folder / "clips").mkdir()
    for seed, name in enumerate(("a", "b")):
        out = f"clips/{name}.npz"
        env.run("a2k", "generate", "--image", "face.png", "--audio", SPEECH, "-o", out, "--seed", seed)
        (env.folder / "clips" / f"{name}.wav").write_bytes(SPEECH.read_bytes())
    env.run("kp-io", "render", "clips/a.npz", "-o", "a.mp4", "--audio", SPEECH)
    env.run("kp-render", "face.png", "clips/a.npz", "-o", "talk.mp4", "--audio", SPEECH, "--size", 128)
    env.run("kp-metrics", "compare", "clips/b.npz", "clips/a.npz")
    (env.folder / "clips" / "manifest.csv").write_text("id,speaker,split\na,one,train\nb,two,train\n")
    env.run("a2k-train", "--help")
    small = ("--steps", 2, "--set", "model.width=8", "--set", "batch_size=2", "--set", "window_frames=16")
    env.run("a2k-train", "fit", "clips", "--run", "run", *small)
    out = env.run("a2k", "generate", "--model", "run", "--image", "face.npz", "--audio", SPEECH, "-o", "out.csv")
    assert "out.csv" in out, out


def only(env: Environment, expected: set[str]) -> None:
    """Check that exactly these packages of ours are installed, from files."""
    origins = json.loads(env.run("python", "-c", ORIGINS))
    assert set(origins) == expected, origins
    assert all(url.startswith("file:") for url in origins.values()), origins


def main() -> None:
    """Try every environment and print its duration."""
    dist = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        torch = Environment(Path(folder, "torch"), dist)
        torch.install("torch")
        print(f"torch: {time.monotonic() - start:.0f} s", flush=True)
        for attempt in (kp_metrics_alone, kp_io_alone, a2k_nets_alone, kp_render_alone, all_together):
            start = time.monotonic()
            attempt(Environment(Path(folder, attempt.__name__), dist, beside=torch))
            print(f"{attempt.__name__}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
