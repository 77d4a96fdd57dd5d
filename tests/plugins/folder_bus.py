"""A CAN bus between processes, for python-can: each node is a socket in the folder that its channel names."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import can

HEAD = struct.Struct("!I?")  # id, and whether the frame is one of CAN FD


class FolderBus(can.BusABC):
    """A node. What another has no room for is lost, as on any bus whose nodes are too slow."""

    def __init__(self, channel: str, can_filters: Any = None, **_: Any) -> None:
        self._folder = Path(channel)
        self._own = self._folder / f"{os.getpid()}-{id(self)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._own))
        self.channel_info = f"folder {channel}"
        super().__init__(channel, can_filters)

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        frame = HEAD.pack(msg.arbitration_id, msg.is_fd) + bytes(msg.data)
        for node in self._folder.iterdir():
            if node != self._own:
                with suppress(BlockingIOError, ConnectionRefusedError, FileNotFoundError):
                    self._socket.sendto(frame, socket.MSG_DONTWAIT, str(node))

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        self._socket.settimeout(timeout)
        try:
            frame = self._socket.recv(HEAD.size + 64)
        except (TimeoutError, BlockingIOError):
            return None, False
        number, is_fd = HEAD.unpack_from(frame)
        return can.Message(arbitration_id=number, is_fd=is_fd, data=frame[HEAD.size :]), False

    def shutdown(self) -> None:
        super().shutdown()
        self._socket.close()
        self._own.unlink(missing_ok=True)
