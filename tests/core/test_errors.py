"""The tree of errors, and the statuses that stand for them on the wire."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import pytest

import sig_core
from sig_core import errors
from sig_core.errors import RemoteError, SigError, Status, error_for

PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


def drawn() -> dict[str, tuple[int, str]]:
    """Give what the module's page draws: name -> (depth, built-in base or "")."""
    found = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^([ │├└─]+)([A-Z]\w+)(?:\((\w+)\))?", line)
        if match:
            found[match[2]] = (len(match[1]), match[3] or "")
    return found


def test_every_class_is_drawn_and_exported() -> None:
    classes = {name for name in errors.__all__ if name not in ("Status", "because", "error_for", "is_status")}
    assert classes == set(drawn())
    assert all(getattr(sig_core, name) is getattr(errors, name) for name in classes)


def test_the_drawing_is_true() -> None:
    parents: list[tuple[int, str]] = []
    for name, (depth, builtin) in drawn().items():
        kind = getattr(errors, name)
        parents = [(at, parent) for at, parent in parents if at < depth]
        if parents:
            assert kind.__bases__[0] is getattr(errors, parents[-1][1]), name
        assert [base.__name__ for base in kind.__bases__[1:]] == ([builtin] if builtin else []), name
        if builtin:
            assert issubclass(kind, getattr(builtins, builtin, None) or getattr(errors, builtin))
        parents.append((depth, name))


def test_the_page_lists_every_status() -> None:
    section = PROTOCOL.split("## 9. Statuses")[1].split("## 10.")[0]
    listed = {int(number) for number in re.findall(r"^\| (-?\d+) \|", section, re.MULTILINE)}
    assert listed == {int(status) for status in Status}


@pytest.mark.parametrize("status", [status for status in Status if status])
def test_a_status_comes_back_as_an_error_of_that_status(status: Status) -> None:
    error = error_for(status, "why", "Type")
    assert "why" in str(error)
    generic = {Status.UNKNOWN_PROTOCOL_METHOD, Status.NO_METHOD, Status.BAD_MESSAGE}
    if status in generic:
        assert type(error) is errors.ProtocolError
    elif status in (Status.HANDLER_RAISED, Status.SHADOWED):
        assert isinstance(error, RemoteError)
    else:
        assert error.status == status


@pytest.mark.parametrize("status", [-17, -99, -(2**15)])
def test_an_unknown_status_counts_as_a_handler_that_raised(status: int) -> None:
    error = error_for(status, "text", "KeyError")
    assert isinstance(error, RemoteError)
    assert (error.exception, error.text, str(error)) == ("KeyError", "text", "KeyError: text")
    assert str(error_for(status, "", "KeyError")) == "KeyError"


def test_errors_are_caught_by_the_root_and_by_the_builtin() -> None:
    with pytest.raises(SigError):
        raise errors.RequestTimeout("late")
    with pytest.raises(TimeoutError):
        raise errors.RequestTimeout("late")
    big = errors.MessageTooBig("too big", 5, 4)
    assert (big.size, big.limit) == (5, 4)
