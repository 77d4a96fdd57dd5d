"""When certificates end, read out of their bytes, as `cryptography` reads it."""

from __future__ import annotations

import datetime
import random
from pathlib import Path

import pytest

from sig_core.links.validity import end_of
from tests.support.certificates import Authority


@pytest.mark.parametrize("days", [30, 9000, 20_000])  # from 2050 on times are written otherwise
def test_it_is_what_the_certificate_says(tmp_path: Path, days: float) -> None:
    made = Authority(tmp_path).issue("server", days=(-1, days))
    assert end_of((tmp_path / "server.pem").read_bytes()) == made.not_valid_after_utc


def test_of_several_the_first_one_counts(tmp_path: Path) -> None:
    own = Authority(tmp_path)
    made = own.issue("server", days=(-1, 5))
    whole = (tmp_path / "ca.pem").read_bytes() + b"some text\n" + (tmp_path / "server.pem").read_bytes()
    assert end_of(whole) == made.not_valid_after_utc


def test_what_is_none_is_refused(tmp_path: Path) -> None:
    own = Authority(tmp_path)
    own.issue("server")
    key = (tmp_path / "server.key").read_bytes()
    for data in (b"", b"\xff\xfe", key):
        with pytest.raises(ValueError, match="no certificate in it"):
            end_of(data)


def test_what_is_damaged_is_refused_or_read(tmp_path: Path) -> None:
    own, dice = Authority(tmp_path), random.Random(1)
    own.issue("server")
    good = (tmp_path / "server.pem").read_bytes()
    for _ in range(500):
        bad = bytearray(good)
        for _ in range(3):
            bad[dice.randrange(30, len(bad) - 30)] = dice.choice(b"ABCDabcd+/=\n")
        try:
            assert isinstance(end_of(bytes(bad)), datetime.datetime)
        except ValueError as error:
            assert str(error)
