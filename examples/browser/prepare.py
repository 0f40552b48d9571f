"""Fetch onnxruntime-web from npm and export the model, into the folder vendor/ of the page.

    python examples/browser/prepare.py
    python -m http.server --directory examples/browser --bind 127.0.0.1 8000

Needs npm and the extra a2k-nets[onnx]. Another model that streams: --model CHECKPOINT.
"""

import argparse
import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).parent / "vendor"

#: The version, and the digest that npm lists for it (`npm view onnxruntime-web@VERSION dist.integrity`).
VERSION = "1.23.2"
INTEGRITY = "sha512-T09JUtMn+CZLk3mFwqiH0lgQf+4S7+oYHHtk6uhaYAAJI95bTcKi5bOOZYwORXfS/RLZCjDDEXGWIuOCAFlEjg=="

#: What the page loads; the rest of the package is for graphics processors.
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def fetch_runtime() -> None:
    """Store the files of onnxruntime-web, unless they are there in this version."""
    stamp = VENDOR / "version.txt"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == INTEGRITY:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("error: expected npm, which brings onnxruntime-web; on Debian: apt-get install npm")
    with tempfile.TemporaryDirectory() as folder:
        fetch = [npm, "pack", "--silent", f"onnxruntime-web@{VERSION}"]
        subprocess.run(fetch, cwd=folder, check=True, stdout=sys.stderr)
        (archive,) = Path(folder).glob("*.tgz")
        digest = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != INTEGRITY:
            raise SystemExit(f"error: expected onnxruntime-web {VERSION} with the digest {INTEGRITY}, got {digest}")
        VENDOR.mkdir(exist_ok=True)
        with tarfile.open(archive) as package:
            for name in FILES:
                member = package.extractfile(f"package/dist/{name}")
                assert member is not None
                (VENDOR / name).write_bytes(member.read())
    stamp.write_text(INTEGRITY, encoding="utf-8")


def main() -> None:
    """Fetch and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="small")
    model = parser.parse_args().model
    fetch_runtime()
    command = [sys.executable, "-m", "a2k_nets", "export", "--streaming", "--model", model, str(VENDOR / "model.onnx")]
    raise SystemExit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
