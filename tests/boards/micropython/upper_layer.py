"""A host that lets the board in."""

from __future__ import annotations

from tests.boards.micropython.by_hand import board

__all__ = ["UpperLayer"]


class UpperLayer:
    """What the host does with the messages: lets the board in, keeps the rest."""

    def __init__(self):
        self.queue, self.messages, self.ends, self.fresh = [], [], [], 0
        self._items = None

    @property
    def has_message(self):
        return bool(self.queue)

    def next_message(self, room):
        return self.queue.pop(0) if self.queue else None

    def message(self, data, now):
        message, end = board.unpack(data)
        assert end == len(data)
        if message[0] != 0:
            self.messages.append(message)
            return
        self._items = message[3] if message[1] == 0 else self._items - 1
        if not self._items:
            self.queue.append(board.pack([0, 0]))

    def connected(self, peer, fresh, now):
        self.fresh += fresh

    def disconnected(self):
        pass

    def ended(self, error, doubtful):
        self.queue.clear()
        self.ends.append(str(error))

    def printed(self, text):
        pass

    def warned(self, text):
        pass
