"""Development tasks: `nox -l` lists them, `nox -s NAME` runs one in an environment of its own."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "arrows", "tests"]
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True

SOURCES = ("packages", "tests", "examples", "benchmarks", "docs", ".ci", "noxfile.py")


def is_installed(version: str) -> bool:
    """Return whether a Python runs here; a name on the path may be an empty shim of a version manager."""
    python = shutil.which(f"python{version}")
    return python is not None and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


# The supported Pythons that are installed; if none is found by name, the one that runs nox.
PYTHONS = [version for version in ("3.11", "3.12", "3.13") if is_installed(version)] or None

# The siblings are always installed together from the repository: an index may have other packages of the same names.
EVERYTHING = (
    "packages/kp-io[all,face-alignment]",
    "packages/kp-metrics[all]",
    "packages/a2k-nets[all,serve]",
    "packages/a2k-train[all]",
    "packages/kp-render[all]",
)
# Only what generating, rendering and scoring need, so that the demo installs quickly.
DEMO = (
    "packages/kp-io[dlib,tts]",
    "packages/kp-metrics",
    "packages/a2k-nets[io]",
    "packages/a2k-train",
    "packages/kp-render[io]",
)


def install(session: nox.Session, *requirements: str, packages: tuple[str, ...] = EVERYTHING) -> None:
    """Install the packages in editable mode and further requirements, in the versions of constraints.txt."""
    editable = [part for package in packages for part in ("-e", package)]
    install_once(session, "-c", "constraints.txt", *editable, *requirements)


def install_once(session: nox.Session, *arguments: str) -> None:
    """Call pip in an environment unless it has done the same before; the sources are editable and need no new call."""
    described = [Path("constraints.txt"), Path("VERSION"), *sorted(Path("packages").glob("*/pyproject.toml"))]
    state = hashlib.sha256(b"".join(file.read_bytes() for file in described if file.is_file())).hexdigest()
    stamp = Path(session.virtualenv.location, "installed.txt")
    done = stamp.read_text(encoding="utf-8").splitlines() if stamp.is_file() else []
    call = f"{state} {' '.join(arguments)}"
    if call in done:
        session.log("installed already")
        return
    session.install(*arguments)
    # Calls for other versions of the requirements no longer say what is there.
    lines = [*(line for line in done if line.startswith(state)), call]
    stamp.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def install_face_alignment(session: nox.Session) -> None:
    """Install face-alignment without its requirements, which would replace the headless cv2."""
    install_once(session, "-c", "constraints.txt", "--no-deps", "face-alignment")


@nox.session
def demo(session: nox.Session) -> None:
    """Animate a portrait, into out/. Arguments after -- go to examples/full_pipeline.py."""
    install(session, "scikit-image", packages=DEMO)
    session.run("python", "examples/full_pipeline.py", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests and doctests on all cores, with coverage. Arguments after -- go to pytest, such as -n 0 for one."""
    pytest = ("beartype", "hypothesis", "pytest", "pytest-benchmark", "pytest-cov", "pytest-xdist")
    # Libraries that the tests compare with or read files with.
    references = ("datasets", "import-linter", "onnxruntime", "pandas", "pycocotools", "scikit-image", "sybil")
    install(session, *pytest, *references)
    install_face_alignment(session)
    # A worker takes up to 2 GB. Whoever is done takes over tests of the others; those of a module mostly stay together.
    parallel = ("-n", "logical", "--maxprocesses", "8", "--dist", "worksteal")
    coverage = ("--cov", "--cov-report=term:skip-covered")
    # Workers and the commands that they start share the cores, so each computes with one thread.
    one_thread = {"OMP_NUM_THREADS": "1"}
    session.run("pytest", *parallel, *coverage, "--benchmark-disable", *session.posargs, env=one_thread)


@nox.session
def web(session: nox.Session) -> None:
    """Test the page of `a2k web` in headless Chromium (Debian: chromium, chromium-driver); skip without it.

    A2K_PICTURE=docs/images/web.png nox -s web takes the picture of docs/web.md again.
    """
    if shutil.which("chromedriver") is None:
        session.skip("needs Chromium and chromedriver; on Debian: apt-get install chromium chromium-driver")
    packages = ("packages/kp-io[dlib,tts]", "packages/a2k-nets[web]", "packages/kp-render[io]")
    install(session, "beartype", "hypothesis", "pytest", "selenium", packages=packages)
    session.run("pytest", "packages/a2k-nets/tests/test_web_page.py", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Test the page of examples/browser in headless Chromium with a fake microphone; skip without it or npm."""
    if shutil.which("chromedriver") is None or shutil.which("npm") is None:
        session.skip("needs Chromium, chromedriver and npm; on Debian: apt-get install chromium chromium-driver npm")
    packages = ("packages/kp-io[dlib,tts]", "packages/a2k-nets[io,onnx,serve,web]")
    install(session, "beartype", "hypothesis", "pytest", "scikit-image", "selenium", packages=packages)
    session.run("python", "examples/browser/prepare.py")
    pages = ("test_browser_page.py", "test_browser_page_servers.py")
    session.run("pytest", *(f"packages/a2k-nets/tests/{page}" for page in pages), *session.posargs)


@nox.session
def ray(session: nox.Session) -> None:
    """Test corpus builds on a local Ray cluster with failing actors; the session `tests` has no Ray."""
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
    """Install the five packages without their requirements, for tools that only read them."""
    session.install("-c", "constraints.txt", *requirements)
    session.install("--no-deps", *(part for p in EVERYTHING for part in ("-e", p.split("[")[0])))


@nox.session
def arrows(session: nox.Session) -> None:
    """Check the import contracts between and inside the packages."""
    install_bare(session, "import-linter")
    session.run("lint-imports")


@nox.session
def build(session: nox.Session) -> None:
    """Build wheels and sdists into dist/, check them, and try each package in an empty environment."""
    session.install("-c", "constraints.txt", "build", "hatchling", "twine")
    dist, from_tree = Path("dist"), Path(session.create_tmp()) / "from_tree"
    for folder in (dist, from_tree):
        shutil.rmtree(folder, ignore_errors=True)
    for package in (part.split("[")[0] for part in EVERYTHING):
        # An sdist and a wheel from it; then a wheel from the source tree, which must be identical.
        session.run("python", "-m", "build", "--quiet", "--no-isolation", "--outdir", str(dist), package)
        session.run(
            "python", "-m", "build", "--quiet", "--no-isolation", "--wheel", "--outdir", str(from_tree), package
        )
    session.run("twine", "check", "--strict", *map(str, sorted(dist.iterdir())))
    session.run("python", ".ci/check_distributions.py", str(dist), str(from_tree))
    session.run("python", ".ci/try_distributions.py", str(dist))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into site/; broken links, anchors and references fail."""
    install_bare(session, "lazy-loader", "mkdocstrings-python", "typer", "zensical")
    session.run("python", "docs/scripts/build.py")


@nox.session
def pictures(session: nox.Session) -> None:
    """Redraw the pictures of README and docs; with -- CLIPS, the figures too."""
    install(session, "scikit-image")
    session.run("python", "docs/scripts/make_pictures.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed, memory, cold starts and scaling, and write the pages; arguments after -- go to pytest instead.

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
    """Train a checkpoint from a folder of videos and write its table: nox -s checkpoint -- CORPUS RUNS."""
    install(session)
    session.run("python", "examples/train_from_corpus.py", *session.posargs)
