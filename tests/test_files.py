"""An output file is complete or untouched, and nothing else is left in its folder."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from swishcli.errors import OutputError
from swishcli.files import atomic_path, write_text_atomically

posix = pytest.mark.skipif(os.name != "posix", reason="permissions, devices and links of POSIX")


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_writes_the_text_as_it_is(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "a.txt", "ä\nb\r\nc")
    assert (tmp_path / "a.txt").read_bytes() == "ä\nb\r\nc".encode()
    assert names(tmp_path) == ["a.txt"]


def test_replaces_a_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old and longer")
    write_text_atomically(str(tmp_path / "a.txt"), "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_undecodable_bytes_are_escaped_in_valid_utf8(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "a.txt", "a\udcff\ud800b")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == r"a\udcff\ud800b"


def test_file_with_an_odd_name(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "two\nlines \udcff.txt", "x")
    assert names(tmp_path) == ["two\nlines \udcff.txt"]


def test_the_file_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    with atomic_path(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"half")
        assert not path.exists()
    assert path.read_bytes() == b"half"
    assert names(tmp_path) == ["picture.png"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise interruption

    with pytest.raises(interruption):
        write()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError) as caught:
        write_text_atomically(path, "new text")
    assert str(caught.value) == f"{path}: cannot be written: No space left on device"
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@posix
def test_a_write_that_the_system_cuts_short_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputError, match="File too large"):
            write_text_atomically(tmp_path / "a.txt", "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == []


@posix
def test_content_is_on_the_disk_before_the_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []

    def look(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        seen.append((is_folder, (tmp_path / "a.txt").exists()))

    monkeypatch.setattr(os, "fsync", look)
    write_text_atomically(tmp_path / "a.txt", "x")
    assert seen == [(False, False), (True, True)]


def test_content_that_does_not_reach_the_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("old")

    def fail(descriptor: int) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="quota exceeded"):
        write_text_atomically(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@posix
def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    write_text_atomically(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "x"


def test_a_failing_rename_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        write_text_atomically(tmp_path / "a.txt", "x")
    assert names(tmp_path) == []


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OutputError, match=r"a\.txt: cannot be written: Is a directory"):
        write_text_atomically(tmp_path / "a.txt", "x")
    assert names(tmp_path) == ["a.txt"]
    assert names(tmp_path / "a.txt") == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file or directory"):
        write_text_atomically(tmp_path / "no" / "a.txt", "x")


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Not a directory"):
        write_text_atomically(tmp_path / "file" / "a.txt", "x")


def test_a_name_too_long(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="File name too long"):
        write_text_atomically(tmp_path / ("x" * 300), "x")


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Root may write anywhere: be somebody else for the length of the block."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@posix
def test_a_folder_without_permission_to_write() -> None:
    # Not in tmp_path, whose parents only their owner may enter.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o555)
        with an_ordinary_user(), pytest.raises(OutputError, match="Permission denied"):
            write_text_atomically(Path(folder, "a.txt"), "x")
        Path(folder).chmod(0o755)
        assert names(Path(folder)) == []


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_permissions_are_those_of_any_new_file(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_text_atomically(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode


@posix
def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.txt").symlink_to("folder/a.txt")
    for text in ("made", "replaced"):
        write_text_atomically(tmp_path / "link.txt", text)
        assert (tmp_path / "link.txt").is_symlink()
        assert (tmp_path / "folder" / "a.txt").read_text() == text
    assert names(tmp_path / "folder") == ["a.txt"]


@posix
def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text_atomically(tmp_path / "pipe", "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")
def test_a_device_that_is_full_is_an_error_and_stays() -> None:
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space left on device"):
        write_text_atomically("/dev/full", "x")
    assert Path("/dev/full").is_char_device()
