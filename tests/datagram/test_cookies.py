"""Epochs that prove that an address is one's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.datagram.cookies import LEAST_EPOCH, STEP, Cookies, is_cookie_for

EPOCHS = st.integers(LEAST_EPOCH, 2**32 - 1)
PEER = ("10.0.0.5", 4000)


@given(EPOCHS, st.floats(0, 1e9))
def test_who_comes_with_what_it_got_is_let_in(epoch: int, now: float) -> None:
    cookies = Cookies(b"k" * 16)
    made = cookies.make(PEER, epoch, now)
    assert LEAST_EPOCH <= made < 2**32
    assert made == epoch or is_cookie_for(epoch, made)
    for later in (0.0, STEP / 2, STEP - 0.001):
        assert cookies.fits(PEER, made, now + later)
    assert not cookies.fits(PEER, made, now + 2 * STEP)


@pytest.mark.parametrize("peer", [("10.0.0.5", 4001), ("10.0.0.6", 4000), "10.0.0.5", 7])
def test_it_is_for_one_peer(peer: object) -> None:
    cookies = Cookies(b"k" * 16)
    made = [cookies.make(PEER, upper << 20, 0.0) for upper in range(1, 200)]
    assert not any(cookies.fits(peer, each, 0.0) for each in made)
    assert not any(Cookies(b"l" * 16).fits(PEER, each, 0.0) for each in made)


def test_guesses_are_in_vain() -> None:
    cookies = Cookies(b"k" * 16)
    assert sum(cookies.fits(PEER, 5 << 20 | guess, 0.0) for guess in range(0, LEAST_EPOCH, 16)) <= 2


def test_another_upper_part_is_no_answer() -> None:
    assert is_cookie_for(5 << 20 | 1, 5 << 20 | 2)
    assert not is_cookie_for(5 << 20 | 1, 6 << 20 | 2)
    assert not is_cookie_for(5 << 20 | 1, 5 << 20 | 1)
