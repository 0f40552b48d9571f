"""The five packages as a user meets them: installed, imported, asked for help."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

PACKAGES = {
    "kp_io": "kp-io",
    "kp_metrics": "kp-metrics",
    "a2k_nets": "a2k-nets",
    "a2k_train": "a2k-train",
    "kp_render": "kp-render",
}

#: What may be there when a package is imported alone.
NEEDS = {
    "kp_io": (),
    "kp_metrics": (),
    "a2k_nets": (),
    "a2k_train": ("kp_io", "kp_metrics", "a2k_nets"),
    "kp_render": (),
}

#: Modules that come with another package's extra.
EXTRAS = tuple(
    f"a2k_nets.{name}"
    for name in (
        "inference.generate",
        "server.app",
        "server.files.jobs",
        "server.live.connection",
        "server.live.incoming_sound",
        "sync.corpus",
        "web.app",
        "web.ui_text",
        "web.pipeline",
        "web.videos",
    )
)

IMPORT_ALONE = """
import importlib, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ImportError(f"{name} is not installed here")

package, *rest = sys.argv[1:]
BLOCKED = set(rest[0].split(","))
SKIPPED = set(rest[1].split(","))
sys.meta_path.insert(0, Blocker())
root = importlib.import_module(package)
for module in pkgutil.walk_packages(root.__path__, package + "."):
    if module.name not in SKIPPED and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
        print(module.name)
"""


def modules_of(package: str) -> list[str]:
    found = pkgutil.walk_packages(importlib.import_module(package).__path__, package + ".")
    return [package, *(module.name for module in found if not module.name.endswith("__main__"))]


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_alone(package):
    blocked = set(PACKAGES) - {package, *NEEDS[package]}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALONE, package, ",".join(blocked), ",".join(EXTRAS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = {name for name in modules_of(package) if name not in EXTRAS and name != package}
    assert set(done.stdout.split()) == expected


@pytest.mark.parametrize("package", PACKAGES)
def test_it_is_ours(root, package):
    # An index may hold a stranger of the same name.
    module = importlib.import_module(package)
    assert Path(module.__file__).is_relative_to(root / "packages" / PACKAGES[package] / "src")
    # Of a2k-nets the weights' licence follows; `nox -s build` looks closer.
    assert distribution(PACKAGES[package]).metadata["License-Expression"].startswith("Apache-2.0")


@pytest.mark.parametrize("package", PACKAGES)
def test_versions_go_in_lockstep(root, package):
    version = (root / "VERSION").read_text().strip()
    assert importlib.import_module(package).__version__ == version
    assert distribution(PACKAGES[package]).version == version
    assert f"\nversion: {version}\n" in (root / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_public_is_there_and_documented(package):
    for name in modules_of(package):
        module = importlib.import_module(name)
        assert module.__doc__, name
        for public in getattr(module, "__all__", ()):
            value = getattr(module, public)
            if inspect.isclass(value) or inspect.isfunction(value):
                assert inspect.getdoc(value), f"{name}.{public}"


def test_the_main_names_are_there():
    from a2k_nets.inference.generate import generate_sequence
    from a2k_nets.residual.model import Audio2Keypoint
    from a2k_train.evaluation.evaluate import evaluate
    from a2k_train.training.fit import fit
    from kp_io import KeypointSequence, annotate_image, annotate_video, read_audio, write_video
    from kp_metrics import mouth_correlation, pck

    names = (generate_sequence, evaluate, fit, annotate_image, annotate_video, read_audio, write_video, pck)
    assert all(inspect.isfunction(name) for name in (*names, mouth_correlation))
    assert inspect.isclass(KeypointSequence)
    assert callable(Audio2Keypoint.from_pretrained)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_command_has_help(package):
    scripts = distribution(PACKAGES[package]).entry_points.select(group="console_scripts")
    assert scripts, f"expected a command in {PACKAGES[package]}"
    for script in scripts:
        app = script.load()
        runner = CliRunner()
        assert runner.invoke(app, ["--help"]).exit_code == 0
        command = typer.main.get_command(app)
        assert command.help
        for name, sub in getattr(command, "commands", {}).items():
            result = runner.invoke(app, [name, "--help"])
            assert result.exit_code == 0, result.output
            assert sub.help, f"{script.name} {name}"
            for parameter in sub.params:
                # Rich takes it for markup and shows nothing; `show_default=` is what shows.
                assert "[default" not in (getattr(parameter, "help", None) or ""), (
                    f"{script.name} {name} {parameter.name}"
                )


@pytest.mark.parametrize("package", PACKAGES)
def test_it_stands_alone_on_an_index(root, package):
    readme = (root / "packages" / PACKAGES[package] / "README.md").read_text(encoding="utf-8")
    installs = [line for line in readme.splitlines() if line.startswith("pip install")]
    assert any(f"packages/{PACKAGES[package]}" in line for line in installs)
    assert "../" not in readme
    assert (root / "packages" / PACKAGES[package] / "LICENSE").read_bytes() == (root / "LICENSE").read_bytes()
    assert (Path(importlib.import_module(package).__file__).parent / "py.typed").is_file()


def requirements_of(root, name, extra, *, siblings):
    """The requirements of an extra, with those of the extras that it asks for of the packages in `siblings`."""
    project = tomllib.loads((root / "packages" / name / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    found = set()
    for requirement in extras[extra]:
        package, bracket, rest = requirement.partition("[")
        if package not in siblings:
            found.add(requirement)
        elif bracket:
            for inner in rest.split("]")[0].split(","):
                found |= requirements_of(root, package, inner, siblings=siblings)
    return found


def test_hints_name_what_the_extras_list(root):
    from a2k_nets import extras as nets
    from kp_io import extras as io

    for extra, requirements in io.REQUIREMENTS.items():
        assert set(requirements) == requirements_of(root, "kp-io", extra, siblings={"kp-io"})
        assert f"kp-io[{extra}]" in io.how_to_install(extra)
    for extra, requirements in nets.REQUIREMENTS.items():
        listed = requirements_of(root, "a2k-nets", extra, siblings={"a2k-nets"})
        assert set(requirements) == {part for part in listed if not part.startswith("kp-io")}
        assert f"a2k-nets[{extra}]" in nets.how_to_install(extra)
    for extra, wanted in nets.KP_IO_EXTRAS.items():
        listed = requirements_of(root, "a2k-nets", extra, siblings={"a2k-nets"})
        assert {f"kp-io[{name}]>=0.1" for name in wanted} == {part for part in listed if part.startswith("kp-io")}
        hint = nets.how_to_install_kp_io(extra)
        assert f'pip install "packages/kp-io[{",".join(wanted)}]"' in hint
        assert f"./kp_io-{version('kp-io')}-py3-none-any.whl" in hint


def test_no_message_asks_an_index_for_our_packages(root):
    """An index answers `pip install kp-io` with nothing, or with a stranger's package."""
    ours = "|".join(PACKAGES.values())
    for package, name in PACKAGES.items():
        for path in (root / "packages" / name / "src" / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(rf"pip install [\"']?({ours})\b", text), path
            for command, owner, extra in re.findall(r'`pip install ("[^{`]+)` \(the extra ([\w-]+)\[(\w+)\]\)', text):
                listed = requirements_of(root, owner, extra, siblings=set(PACKAGES.values()))
                assert set(re.findall(r'"([^"]+)"', command)) == listed, path
