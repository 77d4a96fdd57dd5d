"""The socket of `sig serve` that is this user's alone."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from pathlib import Path

import pytest

import sig_core as sig
from sig_core.cli import serve
from sig_core.cli.private_socket import private_socket
from sig_core.cli.target import DEFAULT_URL


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the system has for this user: a folder of short name, not made yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"sig-{os.getuid()}"


def url_in(folder: Path) -> str:
    return f"unix://{folder}/sig.sock"


def test_the_folder_of_the_session_is_taken(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert private_socket({"XDG_RUNTIME_DIR": str(tmp_path)}) == url_in(tmp_path)


@pytest.mark.parametrize("environment", [{}, {"XDG_RUNTIME_DIR": ""}, {"XDG_RUNTIME_DIR": "here"}])
def test_without_one_a_folder_is_made_that_nobody_else_enters(folder: Path, environment: dict[str, str]) -> None:
    assert private_socket(environment) == url_in(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert private_socket(environment) == url_in(folder)  # once more


def test_a_folder_in_which_others_write_is_not_taken(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(sig.ConfigError, match=r"others may write in it, mode 777; chmod 700 it"):
        private_socket({})


def test_what_is_no_folder_is_not_taken(folder: Path, tmp_path: Path) -> None:
    folder.symlink_to(tmp_path)  # somebody was faster
    with pytest.raises(sig.ConfigError, match="no folder; set XDG_RUNTIME_DIR"):
        private_socket({})


def test_a_folder_of_another_user_is_not_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(mode=0o700)
    mine = os.getuid()
    made = str(folder)
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    with pytest.raises(sig.ConfigError, match=rf"is that of user {mine}; set XDG_RUNTIME_DIR"):
        private_socket({"XDG_RUNTIME_DIR": made})


def test_a_path_that_no_socket_can_have(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    with pytest.raises(sig.ConfigError, match="longer than 100 bytes"):
        private_socket({"XDG_RUNTIME_DIR": str(deep)})


def test_serve_listens_there_beside_its_port(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert serve._default_urls() == (DEFAULT_URL, url_in(folder))
    with sig.ServerRouter(url_in(folder)), sig.ClientRouter(url_in(folder)) as client:
        assert client.is_connected


def test_serve_does_without_where_it_can_not_be(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    folder.write_text("")
    with caplog.at_level(logging.WARNING, "sig"):
        assert serve._default_urls() == (DEFAULT_URL,)
    assert "no Unix socket beside tcp://127.0.0.1:3000: " in caplog.text
