"""How a client's session goes on over a further link: the hello that opens it, and the server's answer to that."""

from __future__ import annotations

from sig_core.errors import HandshakeError
from sig_core.protocol.frames import FrameReader
from sig_core.protocol.hello import Auth, check_preface, read_welcome
from sig_core.protocol.wire import CONTROL, MAX_HELLO, PREFACE
from sig_core.session.binary.client import ClientSession

__all__ = ["Returning"]

BEGIN = len(PREFACE)
LONGEST = MAX_HELLO + 5  # `length` of the frame of a welcome


class Returning:
    """Send `hello`, feed what comes until `feed` says that the answer is there; then let the session go on.

    Args:
        session: that waits; nobody feeds what came on the link before.
        auth: what proves who this client is; None: nothing does, or its link.

    Attributes:
        hello: to be sent first.
        rest: what came behind the answer; it is the session's.
        received: bytes of the session that the server has.
    """

    def __init__(self, session: ClientSession, auth: Auth | None) -> None:
        self.hello = session.hello_again(auth)
        self.rest = b""
        self.received = 0
        self._session = session
        self._head = b""

    def feed(self, data: bytes) -> bool:
        """Take bytes of the new link; return whether the session may go on there.

        Raises:
            NotResumed: it does not go on there.
            HandshakeError: the server refuses this client, or what answers is no server.
        """
        self._head += data
        check_preface(self._head[:BEGIN])
        length = int.from_bytes(self._head[BEGIN : BEGIN + 4], "little")
        if length > LONGEST:
            raise HandshakeError(f"welcome: a frame of {length} bytes, at most {LONGEST} are taken")
        end = BEGIN + 4 + length
        if len(self._head) < max(end, BEGIN + 9):
            return False
        (answer,) = FrameReader(LONGEST).feed(self._head[BEGIN:end]) or ((CONTROL, 0, 1, b""),)
        self.received = self._session.welcome_again(read_welcome(answer))
        self.rest = self._head[end:]
        return True
