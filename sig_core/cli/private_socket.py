"""The Unix socket of a user's own server: in a folder that nobody else can enter."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from sig_core.errors import ConfigError

__all__ = ["private_socket"]

FILE = "sig.sock"
LONGEST = 100  # bytes of a path; systems take 103 or 107


def private_socket(environment: Mapping[str, str]) -> str | None:
    """Return the URL of the socket at which `sig serve` listens beside its default port; None: this system has none.

    It is `sig.sock` in the folder XDG_RUNTIME_DIR, or in `sig-UID` of the folder for temporary files, which is made.

    Raises:
        ConfigError: that folder is not this user's alone, can't be made, or its path is too long.
    """
    if not hasattr(socket, "AF_UNIX"):
        return None
    named = environment.get("XDG_RUNTIME_DIR", "")
    folder = Path(named) if os.path.isabs(named) else Path(tempfile.gettempdir()) / f"sig-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
    except OSError as error:
        raise ConfigError(f"folder {folder}: can't be made: {error.strerror or error}") from error
    _check(folder, about)
    path = folder / FILE
    if len(os.fsencode(path)) > LONGEST:
        raise ConfigError(f"path {path}: longer than {LONGEST} bytes; set XDG_RUNTIME_DIR to a shorter folder")
    return f"unix://{quote(os.fspath(path))}"


def _check(folder: Path, about: os.stat_result) -> None:
    if not stat.S_ISDIR(about.st_mode):
        raise ConfigError(f"{folder} is no folder; set XDG_RUNTIME_DIR to one that is yours alone")
    if about.st_uid != os.getuid():
        raise ConfigError(f"folder {folder} is that of user {about.st_uid}; set XDG_RUNTIME_DIR to one that is yours")
    mode = stat.S_IMODE(about.st_mode)
    if mode & 0o022:
        raise ConfigError(f"folder {folder}: others may write in it, mode {mode:o}; chmod 700 it")
