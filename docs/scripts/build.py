"""Build the site strictly (`nox -s docs`). It is moved to site/ only if the build has no problems."""

import shutil
import subprocess
import sys

from assemble import BUILD, ROOT, assemble
from check_site import problems

#: The script that Zensical's offline plugin would download, and our local replacement.
FETCHED = "https://unpkg.com/iframe-worker/shim"
OURS = "assets/worker.js"


def main() -> int:
    """Build and check the site; return 0 on success."""
    assemble()
    shutil.rmtree(BUILD / "site", ignore_errors=True)
    zensical = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", "mkdocs.yml"]
    if subprocess.run(zensical, cwd=BUILD, check=False).returncode:
        return 1
    for path in (BUILD / "site").rglob("*.html"):
        up = "../" * (len(path.relative_to(BUILD / "site").parts) - 1)
        path.write_text(path.read_text(encoding="utf-8").replace(FETCHED, up + OURS), encoding="utf-8")
    wrong = list(problems(BUILD / "site"))
    if wrong:
        print(*wrong, sep="\n", file=sys.stderr)  # noqa: T201 - output of a script
        return 1
    shutil.rmtree(ROOT / "site", ignore_errors=True)
    (BUILD / "site").rename(ROOT / "site")
    return 0


if __name__ == "__main__":
    sys.exit(main())
