"""Every file that is written has the permissions of a new file: the umask decides."""

import os
import stat

import pytest

from a2k_nets.checkpoints.atomic import write_bytes


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_umask_decides_who_may_read_a_file(tmp_path, model, umask):
    old = os.umask(umask)
    try:
        write_bytes(tmp_path / "new" / "a.bin", b"x")
        model.save_pretrained(tmp_path / "model")
    finally:
        os.umask(old)
    for path in (tmp_path / "new" / "a.bin", *(tmp_path / "model").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask, path.name
