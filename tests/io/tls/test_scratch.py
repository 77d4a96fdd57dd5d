"""Memory for the time of one call."""

from __future__ import annotations

from sig_core.io.tls.scratch import KEPT, Scratch


def test_a_piece_is_used_again_once_it_was_given_back() -> None:
    scratch = Scratch(100)
    first, second = scratch.take(), scratch.take()
    assert len(first) == len(second) == 100 and first.obj is not second.obj
    scratch.give_back(first)
    assert scratch.take() is first


def test_few_pieces_are_kept() -> None:
    scratch = Scratch(100)
    pieces = [scratch.take() for _ in range(2 * KEPT)]
    for piece in pieces:
        scratch.give_back(piece)
    again = [scratch.take() for _ in range(2 * KEPT)]
    assert sum(any(each is piece for piece in pieces) for each in again) == KEPT
