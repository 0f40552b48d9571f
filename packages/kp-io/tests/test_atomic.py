import os
import stat

import pytest

from kp_io.filesystem.atomic import atomic_path


def test_file_appears_whole_with_its_suffix_in_a_new_folder(tmp_path):
    target = tmp_path / "a" / "b" / "video.mp4"
    with atomic_path(target) as temporary:
        assert temporary.suffix == ".mp4"
        assert temporary.parent == target.parent
        temporary.write_bytes(b"half")
        assert not target.exists()
    assert target.read_bytes() == b"half"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_what_was_there(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write():
        with atomic_path(target) as temporary:
            temporary.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_permissions_follow_the_umask(tmp_path):
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("x")
    (tmp_path / "b.txt").write_text("x")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == stat.S_IMODE((tmp_path / "b.txt").stat().st_mode)


def test_a_folder_cannot_be_written_as_a_file(tmp_path):
    with pytest.raises(IsADirectoryError, match="add a file name"), atomic_path(tmp_path):
        pass


def test_a_file_in_the_way_of_the_folder_is_a_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(OSError, match=r"cannot write .*file/a\.txt: .*choose another folder"),
        atomic_path(tmp_path / "file" / "a.txt"),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_clear_error(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="cannot write"), atomic_path(tmp_path / "a.txt"):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_long_names_leave_room_for_the_temporary_one(tmp_path):
    with atomic_path(tmp_path / ("x" * 240 + ".npz")) as temporary:
        temporary.touch()
    assert (tmp_path / ("x" * 240 + ".npz")).exists()
