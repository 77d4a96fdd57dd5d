"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from sig_core.files import PRIVATE, PUBLIC, create_file, replace_file

Write = Callable[..., None]
both = pytest.mark.parametrize("write", [create_file, replace_file], ids=["create", "replace"])


@pytest.fixture
def generous() -> Iterator[None]:
    """No umask, which would hide a mode that is too wide."""
    before = os.umask(0)
    yield
    os.umask(before)


@both
def test_it_is_there_with_its_mode_and_nothing_beside_it(tmp_path: Path, generous: None, write: Write) -> None:
    write(tmp_path / "key", b"secret")
    write(tmp_path / "cert", b"open", PUBLIC)
    assert (tmp_path / "key").read_bytes() == b"secret"
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in os.listdir(tmp_path)}
    assert modes == {"key": PRIVATE, "cert": PUBLIC}


@both
def test_nobody_else_could_read_a_secret_for_a_moment(
    tmp_path: Path, generous: None, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []

    def opened(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        number = os_open(path, flags, mode, **more)
        if flags & os.O_CREAT:
            modes.append(stat.S_IMODE(os.fstat(number).st_mode))
        return number

    os_open = os.open
    monkeypatch.setattr(os, "open", opened)
    write(tmp_path / "key", b"secret")
    assert modes == [PRIVATE]


def test_what_is_there_is_not_overwritten_but_replaced(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"old")
    with pytest.raises(sig.ConfigError, match=r"key is there already; nothing is overwritten: name another"):
        create_file(file, b"new")
    assert file.read_bytes() == b"old"
    with file.open("rb") as reading:
        replace_file(file, b"new")
        assert reading.read() == b"old"  # who had it open has it whole
    assert file.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["key"]


def test_a_link_is_no_way_to_another_file(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    (tmp_path / "key").symlink_to("elsewhere")
    with pytest.raises(sig.ConfigError, match="is there already"):
        create_file(tmp_path / "key", b"new")
    replace_file(tmp_path / "key", b"new")
    assert not (tmp_path / "key").is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == b"theirs"


@both
@pytest.mark.parametrize(
    ("name", "why"),
    [("missing/key", "No such file or directory"), ("file/key", "Not a directory"), ("k" * 256, "File name too long")],
    ids=["no folder", "a file", "too long"],
)
def test_where_it_can_not_be_written_says_why(tmp_path: Path, write: Write, name: str, why: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(sig.ConfigError, match=f"{name}: can't be written: {why}"):
        write(tmp_path / name, b"new")
    assert os.listdir(tmp_path) == ["file"]


@both
def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(sig.ConfigError, match="key: can't be written: No space left on device"):
        write(tmp_path / "key", b"new")
    assert os.listdir(tmp_path) == []


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(source: Any, target: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    create_file(tmp_path / "key", b"new")
    assert (tmp_path / "key").read_bytes() == b"new"
    with pytest.raises(sig.ConfigError, match="is there already"):
        create_file(tmp_path / "key", b"newer")
    assert os.listdir(tmp_path) == ["key"]
