"""Every chore of the repository: `nox -l` lists them, `nox -s NAME` runs one in an environment of its own."""

import shutil
import subprocess
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "arrows", "tests"]
nox.options.error_on_missing_interpreters = False

SOURCES = ("packages", "tests", "examples", "benchmarks", "docs", ".ci", "noxfile.py")


def at_hand(version: str) -> bool:
    """Tell whether that Python runs here; a name on the path may be a version manager's, with nothing behind it."""
    python = shutil.which(f"python{version}")
    return python is not None and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


# Of the Pythons that the packages are for, those at hand; where none goes by its name, the one that runs nox.
PYTHONS = [version for version in ("3.11", "3.12", "3.13") if at_hand(version)] or None

# The siblings are always installed from here, together: an index may hold strangers of the same names.
EVERYTHING = (
    "packages/kp-io[all,face-alignment]",
    "packages/kp-metrics[all]",
    "packages/a2k-nets[all]",
    "packages/a2k-train[all]",
)
# What generating and scoring need, and no more, so that the demo is soon set up.
DEMO = ("packages/kp-io[dlib,tts]", "packages/kp-metrics", "packages/a2k-nets[io]", "packages/a2k-train")


def install(session: nox.Session, *requirements: str, packages: tuple[str, ...] = EVERYTHING) -> None:
    """Install the four packages as they stand here, and more, in the versions of constraints.txt."""
    editable = [part for package in packages for part in ("-e", package)]
    session.install("-c", "constraints.txt", *editable, *requirements)


def install_face_alignment(session: nox.Session) -> None:
    """Install the library without what it asks for: that would bring a second cv2 over the headless one."""
    session.install("-c", "constraints.txt", "--no-deps", "face-alignment")


@nox.session
def demo(session: nox.Session) -> None:
    """Make a portrait speak; what comes out is in out/. Arguments after -- go to examples/full_pipeline.py."""
    install(session, "scikit-image", packages=DEMO)
    session.run("python", "examples/full_pipeline.py", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests and doctests with coverage. Arguments after -- go to pytest."""
    pytest = ("beartype", "hypothesis", "pytest", "pytest-benchmark", "pytest-cov")
    # Libraries that the tests compare with, or that read what the packages write.
    witnesses = ("datasets", "import-linter", "onnxruntime", "pandas", "pycocotools", "scikit-image", "sybil")
    install(session, *pytest, *witnesses)
    install_face_alignment(session)
    session.run("pytest", "--cov", "--cov-report=term:skip-covered", "--benchmark-disable", *session.posargs)


@nox.session
def web(session: nox.Session) -> None:
    """Try the page of `a2k web` in a headless Chromium (Debian: chromium, chromium-driver); without one, skip."""
    if shutil.which("chromedriver") is None:
        session.skip("needs Chromium and chromedriver; on Debian: apt-get install chromium chromium-driver")
    packages = ("packages/kp-io[dlib,tts]", "packages/a2k-nets[web]")
    install(session, "beartype", "hypothesis", "pytest", "selenium", packages=packages)
    session.run("pytest", "packages/a2k-nets/tests/test_web_page.py", *session.posargs)


@nox.session
def ray(session: nox.Session) -> None:
    """Build a corpus by a local Ray cluster whose actors are killed; the session tests has no Ray and skips it."""
    install(session, "beartype", "hypothesis", "pytest", packages=("packages/kp-io[ray]",))
    session.run("pytest", "packages/kp-io/tests/test_ray_cluster.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("-c", "constraints.txt", "ruff")
    session.run("ruff", "check", *SOURCES)
    session.run("ruff", "format", "--check", *SOURCES)


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install(session, "mypy")
    session.run("mypy")


def install_bare(session: nox.Session, *requirements: str) -> None:
    """Install the four packages without what they need, for tools that read them and do not run them."""
    session.install("-c", "constraints.txt", *requirements)
    session.install("--no-deps", *(part for p in EVERYTHING for part in ("-e", p.split("[")[0])))


@nox.session
def arrows(session: nox.Session) -> None:
    """Check which package may import which."""
    install_bare(session, "import-linter")
    session.run("lint-imports")


@nox.session
def build(session: nox.Session) -> None:
    """Build wheels and sdists into dist/, look into them, install each package alone, and let it work."""
    session.install("-c", "constraints.txt", "build", "hatchling", "twine")
    dist, from_tree = Path("dist"), Path(session.create_tmp()) / "from_tree"
    for folder in (dist, from_tree):
        shutil.rmtree(folder, ignore_errors=True)
    for package in (part.split("[")[0] for part in EVERYTHING):
        # An sdist, and a wheel out of that; then a wheel straight from here, which must be the same.
        session.run("python", "-m", "build", "--quiet", "--no-isolation", "--outdir", str(dist), package)
        session.run(
            "python", "-m", "build", "--quiet", "--no-isolation", "--wheel", "--outdir", str(from_tree), package
        )
    session.run("twine", "check", "--strict", *map(str, sorted(dist.iterdir())))
    session.run("python", ".ci/check_distributions.py", str(dist), str(from_tree))
    session.run("python", ".ci/try_distributions.py", str(dist))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into site/; links, anchors and references that lead nowhere fail."""
    install_bare(session, "mkdocstrings-python", "typer", "zensical")
    session.run("python", "docs/scripts/build.py")


@nox.session
def pictures(session: nox.Session) -> None:
    """Draw the pictures of README and docs anew; with -- CLIPS, those of figures too."""
    install(session, "scikit-image")
    session.run("python", "docs/scripts/make_pictures.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed, memory, cold starts and growth, and write the pages; arguments after -- go to pytest instead.

    Examples: nox -s bench -- benchmarks/speed/bench_raster.py, nox -s bench -- benchmarks --device cuda.
    """
    alternatives = ("kornia", "librosa", "matplotlib", "onnxruntime", "scikit-image")
    install(session, "pytest", "pytest-benchmark", *alternatives)
    install_face_alignment(session)
    if session.posargs:
        columns = ("--benchmark-group-by=group", "--benchmark-columns=median,iqr,rounds")
        session.run("pytest", *columns, *session.posargs)
    else:
        session.run("python", "benchmarks/run_all.py")


@nox.session
def checkpoint(session: nox.Session) -> None:
    """Go from a folder of talking-face videos to a checkpoint and its table: nox -s checkpoint -- CORPUS RUNS."""
    install(session)
    session.run("python", "examples/train_from_corpus.py", *session.posargs)
