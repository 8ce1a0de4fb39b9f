import os
import stat
from pathlib import Path

import pytest

from dlcli.artifacts import files
from dlcli.errors import StorageError
from tests.artifacts.faults import ERRORS, Disk, Killed


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _count(path: Path) -> int:
    disk = Disk()
    with files.using(disk.operations()):
        files.write_bytes(path, b"new" * 100)
    return disk.count


@pytest.mark.parametrize("for_good", [False, True])
@pytest.mark.parametrize("fault", ERRORS)
def test_a_failing_write_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, fault: str, for_good: bool
) -> None:
    path = tmp_path / "file"
    for n in range(1, _count(path) + 1):
        files.write_bytes(path, b"old" * 100)
        disk = Disk(n, fault, for_good)
        try:
            with files.using(disk.operations()):
                files.write_bytes(path, b"new" * 100)
            failed = False
        except StorageError as error:
            failed = True
            assert str(path) in str(error) and "[Errno" not in str(error)
        assert path.read_bytes() in ([b"old" * 100, b"new" * 100] if failed else [b"new" * 100])
        assert failed or fault == "SHORT"
        if not for_good:
            assert _names(tmp_path) == ["file"]
        for stray in tmp_path.glob(".*"):
            assert files.is_temporary(stray.name)
            stray.unlink()


@pytest.mark.parametrize("fault", ["KILL", "TORN"])
def test_a_killed_write_leaves_the_old_file_or_the_new_one(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "file"
    for n in range(1, _count(path) + 1):
        files.write_bytes(path, b"old" * 100)
        with pytest.raises(Killed), files.using(Disk(n, fault).operations()):
            files.write_bytes(path, b"new" * 100)
        assert path.read_bytes() in (b"old" * 100, b"new" * 100)


def test_content_is_on_the_disk_before_the_rename_and_the_name_after_it(tmp_path: Path) -> None:
    disk = Disk()
    with files.using(disk.operations()):
        files.write_bytes(tmp_path / "file", b"data")
    assert disk.log == ["open", "write", "fsync", "replace", "sync_directory"]


def test_short_writes_are_continued(tmp_path: Path) -> None:
    path = tmp_path / "file"
    operations = files.Operations(write=lambda fd, data: os.write(fd, data[:7]))
    with files.using(operations):
        files.write_bytes(path, bytes(range(256)))
    assert path.read_bytes() == bytes(range(256))


def test_permissions_are_what_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.make_directory(tmp_path / "a" / "b")
        files.write_text(tmp_path / "a" / "b" / "file", "é\n")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / "a" / "b" / "file").stat().st_mode) == 0o640
    assert (tmp_path / "a" / "b" / "file").read_bytes() == "é\n".encode()


def test_a_full_disk_is_told_in_plain_words(tmp_path: Path) -> None:
    with (
        files.using(Disk(2, "ENOSPC").operations()),
        pytest.raises(StorageError, match=r"cannot write .*file: the disk is full; free some"),
    ):
        files.write_bytes(tmp_path / "file", b"data")
    assert StorageError.exit_code == 6


def test_a_directory_in_the_way_of_a_file_and_a_file_in_the_way_of_a_directory(
    tmp_path: Path,
) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="a directory is in the way"):
        files.write_bytes(tmp_path / "directory", b"")
    with pytest.raises(StorageError, match="is in the way"):
        files.make_directory(tmp_path / "file")
    with pytest.raises(StorageError):
        files.make_directory(tmp_path / "file" / "below")
    assert _names(tmp_path) == ["directory", "file"]


def test_a_link_is_replaced_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"safe")
    (tmp_path / "file").symlink_to("victim")
    files.write_bytes(tmp_path / "file", b"data")
    assert (tmp_path / "victim").read_bytes() == b"safe"
    (tmp_path / "staged").symlink_to("victim")
    with pytest.raises(StorageError):
        files.stage(tmp_path / "staged", b"data")
    assert (tmp_path / "victim").read_bytes() == b"safe"


def test_trees_are_removed_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "tree" / "below").mkdir(parents=True)
    (tmp_path / "tree" / "below" / "link").symlink_to(tmp_path / "kept")
    files.remove_tree(tmp_path / "tree")
    files.remove_tree(tmp_path / "tree")
    files.remove(tmp_path / "nothing")
    assert _names(tmp_path) == ["kept"] and (tmp_path / "kept" / "file").exists()


def test_logs_are_appended_to(tmp_path: Path) -> None:
    files.append_text(tmp_path / "log", "one\n")
    files.append_text(tmp_path / "log", "two\n")
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_nothing_else_in_the_package_writes() -> None:
    """Only files.py calls what changes the disk, so faults can be injected in one place."""
    writers = (".write_bytes(", ".write_text(", ".mkdir(", ".unlink(", ".touch(", "os.replace")
    package = Path(files.__file__).parent
    for module in package.glob("*.py"):
        if module.name == "files.py":
            continue
        text = module.read_text().replace("files.write_", "FILES_").replace("files.mkdir", "")
        assert not [word for word in writers if word in text], module
