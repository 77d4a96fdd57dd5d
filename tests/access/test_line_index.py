"""Lines of keys in a TOML file."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.access.line_index import LineIndex

TEXT = '''# rules
version = 1

[roles.sensor]
add = ["{user}", "{user}/*"] # own names
"odd key" = """
[roles.no]
"""

[roles.panel]
listen = [
  { sender = "house/*" },

  # a comment with a bracket ]
  { sender = "lab", event = [
    "temp"] }, { event = "#alarm" },
]
deny.request = [{ sender = "a[" }]
limits = { links = 2 }

[[who]]
token = "a=b"
roles = ["sensor"]

[[who]]
certificate = { uri = "sig:*" }
[who.more]
key = 'x'
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("version",), 2),
        (("roles", "sensor"), 4),
        (("roles", "sensor", "add"), 5),
        (("roles", "sensor", "add", 1), 5),
        (("roles", "sensor", "odd key"), 6),
        (("roles", "panel"), 10),
        (("roles", "panel", "listen"), 11),
        (("roles", "panel", "listen", 0), 12),
        (("roles", "panel", "listen", 1, "event"), 15),
        (("roles", "panel", "listen", 2), 15),
        (("roles", "panel", "deny", "request", 0), 18),
        (("roles", "panel", "limits", "links"), 19),
        (("who", 0), 21),
        (("who", 0, "roles"), 23),
        (("who", 1, "certificate", "uri"), 26),
        (("who", 1, "more", "key"), 28),
        (("nothing",), 1),
    ],
)
def test_lines(path: tuple[str | int, ...], line: int) -> None:
    tomllib.loads(TEXT)
    assert LineIndex(TEXT).line(path) == line


def test_a_long_list_is_found_soon() -> None:
    text = "x = [\n" + "\n".join(f'  {{ sender = "s[{n}", event = ["e"] }},' for n in range(3000)) + "\n]\ny = 1\n"
    index = LineIndex(text)
    assert index.line(("y",)) == 3003 or index.line(("x", 2999)) == 3001


values = st.recursive(
    st.one_of(st.integers(0, 9), st.sampled_from(["a", "[", "]", '\\"', "#", "{"])),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


def as_toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


@given(st.lists(values, max_size=8), st.integers(0, 2))
def test_each_key_is_in_its_line(each: list[Any], blank: int) -> None:
    gap = "\n" * blank
    text = "".join(f"{gap}[t{n}]\nk = {as_toml(value)}\n" for n, value in enumerate(each))
    tomllib.loads(text)
    index, high = LineIndex(text), 2 + blank
    assert [index.line((f"t{n}", "k")) for n in range(len(each))] == [high * (n + 1) for n in range(len(each))]
