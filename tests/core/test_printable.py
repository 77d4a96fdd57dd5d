"""Text of strangers, as it may be shown."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("tab\there", "tab\there"),
        ("Grüße 漢字 👩‍🚀", "Grüße 漢字 👩‍🚀"),
        ("no\u00a0break", "no\u00a0break"),
        ("two\nlines\r\n", "two\\nlines\\r\\n"),
        ("\x1b[2J\x07", "\\u001b[2J\\u0007"),
        ("\x9b31m\x7f\x00", "\\u009b31m\\u007f\\u0000"),
        ("a\u202eb\u2066c\u2028d\u200f", "a\\u202eb\\u2066c\\u2028d\\u200f"),
        ("\udc80half", "\\udc80half"),
        ("", ""),
    ],
)
def test_what_could_harm_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_nothing_is_left_that_controls(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert all(unicodedata.category(each) not in ("Cc", "Cs") or each == "\t" for each in shown)
    shown.encode()
    assert printable(shown) == shown


@given(st.text())
def test_json_stays_what_it_says(text: str) -> None:
    assert json.loads(printable(json.dumps(text, ensure_ascii=False))) == text
