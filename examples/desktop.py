"""The notification service of the desktop, asked over the session bus (Desktop Notifications Specification)."""

from __future__ import annotations

import html
import os
from typing import Any

import jeepney  # type: ignore[import-untyped]
from jeepney.io.blocking import open_dbus_connection, unwrap_msg  # type: ignore[import-untyped]

__all__ = ["Desktop", "NoDesktop", "Refused"]

PROGRAM = "pysig"  # as the service knows us
ANSWER = 5.0  # seconds that an answer may take
LONGEST = 200  # characters of a body

SERVICE = jeepney.DBusAddress(
    "/org/freedesktop/Notifications", "org.freedesktop.Notifications", "org.freedesktop.Notifications"
)
ABSENT = {"ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected", "TimedOut", "Timeout"}


class NoDesktop(Exception):
    """Nobody is there who could show a notification; the text says why. It may be otherwise later."""


class Refused(Exception):
    """The service is there, and does not show this notification."""


class Desktop:
    """Shows notifications; connects to the bus when it has to. For one thread."""

    def __init__(self) -> None:
        self._bus: Any = None

    def service(self) -> str:
        """Give the name of the service.

        Raises:
            NoDesktop, Refused: it does not answer that.
        """
        return str(self._call("GetServerInformation")[0])

    def show(self, summary: str, body: str, replaces: int = 0) -> int:
        """Show a notification and give its number.

        Args:
            summary: the title, plain text.
            body: plain text; shortened to 200 characters, and marked up as the service needs it.
            replaces: number of the notification that gives way to it; 0: none does.

        Raises:
            NoDesktop, Refused: it is not shown.
        """
        summary, body = _clean(summary), _shortened(_clean(body))
        can = self._call("GetCapabilities")[0]  # every time: another service may have taken over
        if "body" not in can:
            summary, body = f"{summary}: {body}", ""
        elif "body-markup" in can:
            body = html.escape(body, quote=False)
        return int(self._call("Notify", "susssasa{sv}i", (PROGRAM, replaces, "", summary, body, [], {}, -1))[0])

    def close(self) -> None:
        """Leave the bus; the next call joins it again."""
        if self._bus is not None:
            self._bus.close()
            self._bus = None

    def _call(self, method: str, signature: str | None = None, arguments: tuple[Any, ...] = ()) -> Any:
        if self._bus is None:
            self._bus = _open_bus()
        message = jeepney.new_method_call(SERVICE, method, signature, arguments)
        try:
            return unwrap_msg(self._bus.send_and_get_reply(message, timeout=ANSWER))
        except jeepney.DBusErrorResponse as error:
            reason = error.name.removeprefix("org.freedesktop.DBus.Error.")
            if reason in ABSENT or reason.startswith("Spawn."):
                raise NoDesktop(f"no notification service on the session bus ({reason}); is one running?") from error
            raise Refused(f"{method}: {error}") from error
        except TimeoutError as error:
            self.close()
            raise NoDesktop(f"the notification service did not answer within {ANSWER:g} s") from error
        except OSError as error:
            self.close()
            raise NoDesktop(f"the session bus is gone ({error.strerror})") from error


def _open_bus() -> Any:
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS") or f"unix:path={runtime}/bus"
    try:
        return open_dbus_connection(address)
    except (OSError, ValueError, RuntimeError, jeepney.DBusErrorResponse) as error:
        raise NoDesktop(f"no session bus at {address} ({error}); is DBUS_SESSION_BUS_ADDRESS right?") from error


def _clean(text: str) -> str:
    """Replace what D-Bus can't carry: it would cost us the connection."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
