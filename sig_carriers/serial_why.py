"""Why a serial port can't be opened: who has it, or whose it is; and what to do about it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sig_carriers.serial_find import Absent

__all__ = ["Refused", "denial", "held_by", "holders", "refusal"]

PROC = Path("/proc")
GONE = {errno.ENOENT, errno.ENODEV, errno.ENXIO}
DENIED = {errno.EACCES, errno.EPERM}
BUSY = {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK}


class Refused(OSError):
    """The port is there and can't be opened; `why` says it at length, since that means to look around.

    Attributes:
        device: which one.
        number: what the system said, an errno; 0 if that is not known.
    """

    def __init__(self, device: str, error: Exception) -> None:
        super().__init__(f"{device}: {error}")
        self.device = device
        self.number = _number(error)
        self._said = str(error)

    def why(self) -> str:
        """Return cause and remedy, in one line."""
        device = self.device
        if self.number in DENIED and os.path.exists(device):
            return f"{device}: " + "; ".join(denial(device))
        if self.number in BUSY:
            return f"{device}: " + _busy(holders([device])[device])
        if self.number == errno.ENOTTY:
            return f"{device}: is no serial port"
        if self.number == errno.EIO:
            return f"{device}: there is no hardware behind it"
        return f"{device}: {self._said}"


def refusal(device: str, error: Exception) -> Absent | Refused:
    """Tell apart what the driver raised: the port is not there, or can't be had."""
    refused = Refused(device, error)
    return Absent(device) if refused.number in GONE else refused


def _number(error: Exception) -> int:
    """Find the errno: pyserial gives it itself, has it from what it caught, or prints what Windows said."""
    for each in (error, error.__context__):
        if each is not None and each.args and isinstance(each.args[0], int):
            return each.args[0]
    text = str(error)
    if "FileNotFoundError" in text:
        return errno.ENOENT
    return errno.EBUSY if "PermissionError" in text else 0  # Windows has no other reason for that


def denial(device: str) -> tuple[str, str]:
    """Return cause and remedy of a device that this user may not read and write."""
    status = os.stat(device)
    group = _group(status.st_gid)
    if not status.st_gid or status.st_mode & 0o060 != 0o060:
        cause = "no permission to read and write: its owner alone may, and no group that you could join"
        return cause, "add a udev rule, as docs/serial.md shows"
    cause = f"no permission to read and write: it belongs to group {group}"
    if _is_member(status.st_gid):
        return cause, "you joined that group after this session began: log out, and in again"
    return cause, f"sudo usermod -aG {group} $USER, then log in again"


def _group(number: int) -> str:
    try:
        import grp

        return grp.getgrgid(number).gr_name
    except (ImportError, KeyError):
        return str(number)


def _is_member(number: int) -> bool:
    """Return whether the user is listed in the group; the process may have begun before that."""
    try:
        import grp
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name in grp.getgrgid(number).gr_mem
    except (ImportError, KeyError):
        return False


def holders(devices: Iterable[str]) -> dict[str, list[int]]:
    """Find the processes that have each device open, as far as the system lets us look: all of this user's."""
    wanted = {os.path.realpath(device): device for device in devices}
    found: dict[str, list[int]] = {device: [] for device in wanted.values()}
    try:
        processes = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal()]
    except OSError:  # other systems have no such folder
        return found
    for process in sorted(processes):
        for device in {wanted[file] for file in _open_files(process) if file in wanted}:
            found[device].append(process)
    return found


def _open_files(process: int) -> set[str]:
    folder = PROC / str(process) / "fd"
    try:
        numbers = os.listdir(folder)
    except OSError:  # it has ended meanwhile, or is another user's
        return set()
    found = set()
    for number in numbers:
        with suppress(OSError):  # closed meanwhile
            found.add(os.readlink(folder / number))
    return found


def held_by(processes: list[int]) -> str:
    """Name the processes: `this program, pid 812 (minicom)`."""
    others = [f"pid {each} ({_program(each)})" for each in processes if each != os.getpid()]
    return ", ".join(["this program"] * (os.getpid() in processes) + others)


def _program(process: int) -> str:
    try:
        return (PROC / str(process) / "comm").read_text(errors="replace").strip()
    except OSError:
        return "it has ended meanwhile"


def _busy(processes: list[int]) -> str:
    if processes:
        return f"busy: {held_by(processes)} has it open; stop that, or take another port"
    if PROC.exists():
        return "busy: a program of another user has it open; sudo fuser -v DEVICE says which"
    return "busy: another program has it open; stop that, or take another port"
