"""Files that are there whole or not at all, and secret ones that nobody else could read for a moment."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from sig_core.errors import ConfigError

__all__ = ["PRIVATE", "PUBLIC", "create_file", "replace_file"]

PRIVATE = 0o600
PUBLIC = 0o644
NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}  # of file systems without hard links


def create_file(path: Path, data: bytes, mode: int = PRIVATE) -> None:
    """Write a file that is not there yet; who looks meanwhile sees none, or all of it.

    Args:
        path: where to.
        data: what it holds.
        mode: that it has from its first moment on, less what the umask takes.

    Raises:
        ConfigError: there is one already, or it can't be written; nothing is left behind.
    """
    with _Draft(path, data, mode) as draft:
        draft.become_new()


def replace_file(path: Path, data: bytes, mode: int = PRIVATE) -> None:
    """Write a file in place of the one that is there, if one is: who looks sees the old one, or all of the new one.

    Args:
        path, data, mode: see `create_file`.

    Raises:
        ConfigError: it can't be written; the old one is as it was.
    """
    with _Draft(path, data, mode) as draft:
        draft.replace_old()


class _Draft:
    """A file beside the place where it belongs, with all its bytes on the disk; removed at the end if it is left."""

    def __init__(self, path: Path, data: bytes, mode: int) -> None:
        self._path = path
        self._data = data
        self._mode = mode
        self._draft = path.with_name(f".{path.name[:200]}.{os.urandom(8).hex()}")

    def __enter__(self) -> _Draft:
        try:
            self._write()
        except BaseException as error:
            self._remove()
            if isinstance(error, OSError):
                raise self._refused(error) from error
            raise
        return self

    def __exit__(self, *about: object) -> None:
        self._remove()

    def become_new(self) -> None:
        """Give it its name, which is nobody's."""
        try:
            os.link(self._draft, self._path)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise self._refused(error) from error
            if os.path.lexists(self._path):
                raise self._taken() from error
            self.replace_old()
        else:
            self._settle()

    def replace_old(self) -> None:
        """Give it its name, whoever had that."""
        try:
            os.replace(self._draft, self._path)
        except OSError as error:
            raise self._refused(error) from error
        self._settle()

    def _write(self) -> None:
        number = os.open(self._draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, self._mode)
        with open(number, "wb") as file:
            file.write(self._data)
            file.flush()
            os.fsync(number)

    def _settle(self) -> None:
        """Bring the name itself to the disk; some file systems can't, and do so by themselves."""
        with suppress(OSError):
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _remove(self) -> None:
        with suppress(OSError):
            self._draft.unlink()

    def _taken(self) -> ConfigError:
        return ConfigError(f"{self._path} is there already; nothing is overwritten: name another, or move it away")

    def _refused(self, error: OSError) -> ConfigError:
        if isinstance(error, FileExistsError):
            return self._taken()
        return ConfigError(f"{self._path}: can't be written: {error.strerror or error}")
