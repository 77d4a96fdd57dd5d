"""Tokens, and their digests."""

from __future__ import annotations

import pytest

import sig_core as sig
from sig_core.tokens import LONGEST, checked, digest, is_digest, new_token


def test_a_new_one_is_one_word_of_256_bits_each_time_another() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(len(token) == 68 and token.replace("_", "").isalnum() and checked(token) == token for token in made)


def test_the_digest_is_that_of_its_text() -> None:
    assert digest("abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest("Zürich") == digest("Zürich\n")
    assert is_digest(digest(new_token()))


@pytest.mark.parametrize("text", ["", "sha256:", "sha256:" + "A" * 64, "sha256:" + "a" * 63, digest("abc") + "\n"])
def test_what_is_no_digest(text: str) -> None:
    assert not is_digest(text)


@pytest.mark.parametrize("text", ["abc", "  abc\n", "abc\r\n", "\tabc"])
def test_what_stands_round_it_in_a_file_is_no_part_of_it(text: str) -> None:
    assert checked(text) == "abc"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "a token is empty; sig token new makes one"),
        (" \n", "a token is empty"),
        ("s" * (LONGEST + 1), "more than 4,096 characters"),
        ("one two", "spaces, line ends or control characters; is it the right file?"),
        ("one\ntwo", "spaces, line ends"),
        ("secret\x1b[2J", "control characters"),
        ("secret\udc80", "control characters"),
    ],
)
def test_what_can_be_none_is_refused_without_a_word_of_it(text: str, why: str) -> None:
    with pytest.raises(sig.ConfigError, match=why) as caught:
        digest(text)
    assert "secret" not in str(caught.value) and "two" not in str(caught.value)


def test_the_longest() -> None:
    assert checked("s" * LONGEST) == "s" * LONGEST
