"""Check the files and the metadata of the wheels and sdists in a folder.

Usage: check_distributions.py DIST FROM_TREE, where FROM_TREE has wheels built from the source tree.
"""

import hashlib
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()

#: Files of a package besides its modules and stubs.
DATA = {
    "kp-io": {"py.typed"},
    "kp-metrics": {"py.typed"},
    "a2k-train": {"py.typed"},
    "kp-render": {
        "py.typed",
        "weights/LICENSE",
        "weights/MODEL_CARD.md",
        "weights/SHA256SUMS",
        "weights/painter.safetensors",
    },
    "a2k-nets": {
        "py.typed",
        "web/page.css",
        "weights/LICENSE",
        "weights/MODEL_CARD.md",
        "weights/SHA256SUMS",
        "weights/listener.safetensors",
        "weights/small.safetensors",
        "weights/whisper_tiny_en.LICENSE",
        "weights/whisper_tiny_en.safetensors",
    },
}
#: Files of a package that the repository has elsewhere.
ELSEWHERE = {
    "a2k-nets": {
        "examples/sense_and_sensibility_0870.wav": ROOT / "examples" / "assets" / "sense_and_sensibility_0870.wav"
    }
}
#: Files that an sdist needs to build a wheel.
BUILDERS = {"a2k-nets": {"hatch_build.py"}}
LICENCES = {"a2k-nets": "Apache-2.0 AND CC-BY-NC-4.0 AND MIT", "kp-render": "Apache-2.0 AND CC-BY-NC-4.0"}
#: Licences of the files that come along with the code.
WEIGHT_LICENCES = {
    "a2k-nets": ("src/a2k_nets/weights/LICENSE", "src/a2k_nets/weights/whisper_tiny_en.LICENSE"),
    "kp-render": ("src/kp_render/weights/LICENSE",),
}
COMMANDS = {
    "kp-io": "kp-io",
    "kp-metrics": "kp-metrics",
    "a2k-nets": "a2k",
    "a2k-train": "a2k-train",
    "kp-render": "kp-render",
}


def expect(name: str, found: object, expected: object) -> None:
    """Exit with an error if a value is not as expected."""
    if found != expected:
        if isinstance(found, set) and isinstance(expected, set):
            found, expected = f"too many: {sorted(found - expected)}", f"missing: {sorted(expected - found)}"
        sys.exit(f"error: {name}: {found}; expected: {expected}")


def read_wheel(path: Path) -> dict[str, bytes]:
    """Return the content of a wheel by file name, with the lines of RECORD sorted."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return {
        name: b"\n".join(sorted(data.split())) if name.endswith("/RECORD") else data for name, data in files.items()
    }


def read_sdist(path: Path) -> dict[str, bytes]:
    """Return the content of an sdist by file name in its top folder."""
    with tarfile.open(path) as archive:
        files = {m.name: archive.extractfile(m) for m in archive.getmembers() if not m.isdir()}
        return {name.partition("/")[2]: file.read() for name, file in files.items() if file is not None}


def check_metadata(package: str, text: bytes) -> None:
    """Check version, licence, Python, README, classifiers, and lower bounds of the siblings."""
    metadata: Message = Parser().parsestr(text.decode())
    expect(f"{package}: version", metadata["Version"], VERSION)
    expect(f"{package}: licence", metadata["License-Expression"], LICENCES.get(package, "Apache-2.0"))
    licences = {"LICENSE"} | (set(WEIGHT_LICENCES.get(package, ())))
    expect(f"{package}: licence files", set(metadata.get_all("License-File", [])), licences)
    expect(f"{package}: Python", metadata["Requires-Python"], ">=3.11")
    readme = (ROOT / "packages" / package / "README.md").read_text(encoding="utf-8")
    expect(f"{package}: README", metadata.get_payload().strip(), readme.strip())
    classifiers = metadata.get_all("Classifier", [])
    for python in ("3.11", "3.12", "3.13"):
        expect(f"{package}: a classifier", f"Programming Language :: Python :: {python}" in classifiers, True)
    for requirement in metadata.get_all("Requires-Dist", []):
        sibling = requirement.split(";")[0].split("[")[0].split(">")[0].strip()
        if sibling in DATA:
            expect(f"{package}: {requirement}", ">=0.1" in requirement, True)


def check(package: str, dist: Path, from_tree: Path) -> None:
    """Check the wheel and the sdist of one package, and print their sizes."""
    stem = f"{package.replace('-', '_')}-{VERSION}"
    module = package.replace("-", "_")
    source = ROOT / "packages" / package / "src" / module
    modules = {path.relative_to(source).as_posix() for path in source.rglob("*.py*") if path.suffix in (".py", ".pyi")}
    sources = {name: source / name for name in modules | DATA[package]} | ELSEWHERE.get(package, {})
    content = {f"{module}/{name}": path for name, path in sources.items()}
    wheel_path, sdist_path = dist / f"{stem}-py3-none-any.whl", dist / f"{stem}.tar.gz"
    wheel, sdist = read_wheel(wheel_path), read_sdist(sdist_path)

    info = f"{stem}.dist-info"
    licences = {f"{info}/licenses/LICENSE"}
    licences |= {f"{info}/licenses/{licence}" for licence in WEIGHT_LICENCES.get(package, ())}
    about = {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")}
    expect(f"{wheel_path.name}: files", set(wheel), set(content) | licences | about)
    expect(
        f"{sdist_path.name}: files",
        set(sdist) - {".gitignore"},
        {f"src/{name}" for name in content}
        | {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
        | BUILDERS.get(package, set()),
    )
    for name, path in content.items():
        data = path.read_bytes()
        expect(f"{wheel_path.name}: {name} is as here", wheel[name] == data, True)
        expect(f"{sdist_path.name}: {name} is as here", sdist[f"src/{name}"] == data, True)
    apache = (ROOT / "LICENSE").read_bytes()
    expect(f"{package}: the licence's text", wheel[f"{info}/licenses/LICENSE"] == sdist["LICENSE"] == apache, True)
    expect(f"{package}: its command", f"{COMMANDS[package]} = " in wheel[f"{info}/entry_points.txt"].decode(), True)
    check_metadata(package, wheel[f"{info}/METADATA"])
    check_metadata(package, sdist["PKG-INFO"])
    # The wheel in DIST was built from the sdist; one built from the tree must be identical.
    expect(f"{package}: wheel by way of the sdist", wheel == read_wheel(from_tree / wheel_path.name), True)
    sums = f"{module}/weights/SHA256SUMS"
    for line in wheel[sums].decode().splitlines() if sums in wheel else ():
        stated, name = line.split()
        weights = wheel[f"{module}/weights/{name}"]
        expect(f"{package}: sha256 of {name}", hashlib.sha256(weights).hexdigest(), stated)
    sizes = f"{wheel_path.stat().st_size / 1e3:,.0f} kB, sdist {sdist_path.stat().st_size / 1e3:,.0f} kB"
    print(f"{package} {VERSION}: {len(wheel)} files, wheel {sizes}")


def main() -> None:
    """Check all packages, and that the folder has no other files."""
    dist, from_tree = map(Path, sys.argv[1:])
    expected = {
        f"{package.replace('-', '_')}-{VERSION}{end}" for package in DATA for end in (".tar.gz", "-py3-none-any.whl")
    }
    expect(f"{dist}", {path.name for path in dist.iterdir() if not path.name.startswith(".")}, expected)
    for package in DATA:
        check(package, dist, from_tree)


if __name__ == "__main__":
    main()
