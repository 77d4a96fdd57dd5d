"""A session bus of its own, and a notification service on it that says what it is told to show."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import eventually, within

__all__ = ["Notification", "Service", "bus", "need_desktop", "service"]

PYTHON = "/usr/bin/python3"  # dbusmock is a package of the system, not of our environment
NAME = "org.freedesktop.Notifications"
MOCK, INTROSPECTABLE = "org.freedesktop.DBus.Mock", "org.freedesktop.DBus.Introspectable"


class Notification(NamedTuple):
    """What the service was told to show."""

    replaces: int
    summary: str
    body: str


def need_desktop() -> None:
    """Skip the test where there is no bus, or no service to put on it."""
    missing = _missing()
    if missing:
        pytest.skip(f"{missing} is missing: apt-get install dbus-daemon python3-dbusmock; pip install jeepney")


@cache
def _missing() -> str:
    try:
        import jeepney  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        return "jeepney"
    if shutil.which("dbus-daemon") is None:
        return "dbus-daemon"
    found = Path(PYTHON).exists() and subprocess.run([PYTHON, "-c", "import dbusmock"], capture_output=True).returncode
    return "" if found == 0 else "python3-dbusmock"


@contextmanager
def bus(folder: Path) -> Iterator[dict[str, str]]:
    """Run a session bus; gives what programs that are to find it need in their environment."""
    address = f"unix:path={folder}/bus"
    command = ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address", f"--address={address}"]
    with _running(command, {}) as process:
        assert process.stdout
        assert process.stdout.readline().startswith(address)
        yield {"DBUS_SESSION_BUS_ADDRESS": address}


class Service:
    """The notification service; see `service`."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._seen = 0

    def next(self) -> Notification:
        """Wait for the next notification."""
        eventually(lambda: len(self._told()) > self._seen)
        _, (_, replaces, _, summary, body, *_) = self._told()[self._seen]
        self._seen += 1
        return Notification(replaces[1], summary[1], body[1])

    def refuse(self, code: str) -> None:
        """Let it run this code, of Python, whenever it is to show something."""
        _call(self._address, MOCK, "AddMethod", "sssss", NAME, "Notify", "susssasa{sv}i", "u", code)

    def _told(self) -> list[Any]:
        calls: list[Any] = _call(self._address, MOCK, "GetMethodCalls", "s", "Notify")[0]
        return calls


@contextmanager
def service(env: dict[str, str], *capabilities: str) -> Iterator[Service]:
    """Run a notification service that can do so much; without any, what the usual ones can."""
    command = [PYTHON, "-m", "dbusmock", "--template", "notification_daemon"]
    if capabilities:
        command += ["--parameters", f'{{"capabilities": "{" ".join(capabilities)}"}}']
    address = env["DBUS_SESSION_BUS_ADDRESS"]
    with _running(command, env):
        eventually(lambda: "GetCapabilities" in str(_call(address, INTROSPECTABLE, "Introspect")))
        yield Service(address)


@contextmanager
def _running(command: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **env}) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(within(20))


def _call(address: str, interface: str, method: str, signature: str | None = None, *arguments: str) -> Any:
    from jeepney import DBusAddress, new_method_call
    from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]

    with open_dbus_connection(address) as connection:
        where = DBusAddress("/org/freedesktop/Notifications", NAME, interface)
        message = new_method_call(where, method, signature, arguments)
        return connection.send_and_get_reply(message, timeout=within(20)).body
