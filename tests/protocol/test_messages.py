"""Control messages: what is a call, a notice, an answer, and what is none of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sig_core as sig
from sig_core.errors import Status, error_for
from sig_core.protocol import checks
from sig_core.protocol.messages import (
    Answer,
    BadMessage,
    Call,
    Notice,
    answer,
    call,
    failure,
    notice,
    read_message,
)

LAW = settings(derandomize=True, deadline=None)

IDS = st.integers(0, 2**53) | st.text(min_size=1, max_size=64)
METHODS = st.text(min_size=1, max_size=255)
PARAMS = st.dictionaries(st.text(max_size=5), st.integers(), max_size=3)


def anything(value: Any) -> Any:
    return value


@LAW
@given(IDS, METHODS, PARAMS)
def test_a_call_is_read_as_it_was_made(ident: Any, method: str, params: dict[str, int]) -> None:
    found = read_message(call(ident, method, params))
    assert isinstance(found, Call)
    assert (found.id, type(found.id), found.method) == (ident, type(ident), method)
    assert {name: found.params.get(name, anything) for name in params} == params


@LAW
@given(METHODS, PARAMS)
def test_a_notice_is_read_as_it_was_made(method: str, params: dict[str, int]) -> None:
    for message in (notice(method, params), {"id": None, **notice(method, params)}):
        found = read_message(message)
        assert isinstance(found, Notice)
        assert found.method == method
        assert {name: found.params.get(name, anything) for name in params} == params


@LAW
@given(IDS, st.integers() | st.none() | PARAMS)
def test_an_answer_is_read_as_it_was_made(ident: Any, response: Any) -> None:
    assert read_message(answer(ident, response)) == Answer(ident, 0, response, "")


@LAW
@given(st.none() | IDS, st.text(max_size=50), st.sampled_from([status for status in Status if status]))
def test_a_failure_is_read_as_it_was_made(ident: Any, text: str, status: Status) -> None:
    assert read_message(failure(ident, text, status)) == Answer(ident, status, None, text)


def test_a_failure_has_the_status_of_its_error() -> None:
    assert failure(1, sig.SenderExists("x")) == {"id": 1, "status": -11, "exception": "x"}
    assert failure(1, sig.SenderExists("x"), Status.BUSY)["status"] == -9
    assert failure(1, "x") == {"id": 1, "status": -7, "exception": "x"}
    assert failure(1, sig.DecodeError("x"))["status"] == -7


def test_params_absent_or_null_are_empty() -> None:
    for message in ({"method": "m"}, {"method": "m", "params": None}, {"id": 1, "method": "m", "params": None}):
        with pytest.raises(sig.RemoteProtocolError, match="field 'x' is missing"):
            read_message(message).params.get("x", checks.name)


def bad(message: Any) -> BadMessage:
    with pytest.raises(BadMessage) as caught:
        read_message(message)
    return caught.value


@pytest.mark.parametrize("message", [None, True, 5, 1.5, "x", [], [{}]])
def test_no_map(message: Any) -> None:
    error = bad(message)
    assert (error.ident, error.status, error.to_answer) == (None, Status.BAD_MESSAGE, True)


@pytest.mark.parametrize("more", [{}, {"method": None}, {"params": {}}, {"status": None}])
def test_no_method(more: dict[str, Any]) -> None:
    for ident in ({}, {"id": None}, {"id": 7}, {"id": "a"}):
        error = bad({**ident, **more})
        assert (error.ident, error.status, error.to_answer) == (ident.get("id"), Status.NO_METHOD, True)


@pytest.mark.parametrize("method", ["", "m" * 256, 5, True, 0.5, [], {}])
def test_a_bad_method(method: Any) -> None:
    for ident in ({}, {"id": 7}):
        error = bad({**ident, "method": method})
        assert (error.ident, error.status) == (ident.get("id"), Status.BAD_MESSAGE)


@pytest.mark.parametrize("params", [[], "x", 5, True, 0.5, ["a"]])
def test_bad_params(params: Any) -> None:
    for ident in ({}, {"id": 7}):
        error = bad({**ident, "method": "m", "params": params})
        assert (error.ident, error.status) == (ident.get("id"), Status.BAD_MESSAGE)


@pytest.mark.parametrize("ident", [-1, 2**53 + 1, 2**64, 1.0, True, False, "", "i" * 65, [], [1], {}])
def test_a_bad_id(ident: Any) -> None:
    error = bad({"id": ident, "method": "m"})
    assert (error.ident, error.status, error.to_answer) == (None, Status.BAD_MESSAGE, True)


@pytest.mark.parametrize("ident", [0, 2**53, "i", "i" * 64, "€" * 64])
def test_ids_at_their_bounds(ident: Any) -> None:
    found = read_message({"id": ident, "method": "m"})
    assert isinstance(found, Call)
    assert found.id == ident


@pytest.mark.parametrize(
    "message",
    [
        {"status": "ok"},
        {"status": True},
        {"status": -0.5},
        {"status": []},
        {"status": 1},
        {"id": [], "status": 0},
        {"id": -1, "status": 0},
        {"id": 1, "status": -4, "exception": 5},
        {"id": 1, "method": "sync", "status": {}},
    ],
)
def test_a_bad_answer_is_not_to_be_answered(message: Any) -> None:
    assert bad(message).to_answer is False


def test_an_answer_may_leave_out_everything_but_its_status() -> None:
    assert read_message({"status": 0}) == Answer(None, 0, None, "")
    assert read_message({"status": -4, "exception": None, "id": None}) == Answer(None, -4, None, "")
    assert read_message({"id": 1, "status": -99, "exception": "x", "method": 5}) == Answer(1, -99, None, "x")


def test_a_text_that_says_much_is_cut() -> None:
    assert len(failure(1, "x" * 100_000)["exception"]) == 10_000
    found = read_message({"id": 1, "status": -2, "exception": "x" * 100_000})
    assert isinstance(found, Answer)
    assert len(found.text) == 10_000


KINDS = {
    Status.UNKNOWN_SENDER: sig.UnknownSender,
    Status.UNKNOWN_METHOD: sig.UnknownMethod,
    Status.DENIED: sig.AccessDenied,
    Status.TOO_BIG: sig.MessageTooBig,
    Status.BUSY: sig.Busy,
    Status.OUTCOME_UNKNOWN: sig.OutcomeUnknown,
    Status.SENDER_EXISTS: sig.SenderExists,
    Status.NOT_OWNER: sig.NotOwner,
    Status.CANNOT_ENCODE: sig.EncodeError,
    Status.TIMEOUT: sig.RequestTimeout,
    Status.STORE_FAILED: sig.StoreFailed,
}


@pytest.mark.parametrize("status", range(-40, 0))
def test_a_status_becomes_its_error_and_an_unknown_one_counts_as_handler_raised(status: int) -> None:
    error = error_for(status, "words", "ValueError")
    if status in KINDS:
        assert type(error) is KINDS[Status(status)]
        assert error.status == status
    elif status in (Status.UNKNOWN_PROTOCOL_METHOD, Status.NO_METHOD, Status.BAD_MESSAGE):
        assert isinstance(error, sig.ProtocolError)
    else:
        assert isinstance(error, sig.RemoteError)
        expected = Status.SHADOWED if status == Status.SHADOWED else Status.HANDLER_RAISED
        assert (error.exception, error.text, error.status) == ("ValueError", "words", expected)
    assert "words" in str(error)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@LAW
@given(st.dictionaries(st.sampled_from(["id", "method", "params", "status", "response", "exception"]), VALUES))
def test_any_map_is_a_message_or_a_bad_one(message: dict[str, Any]) -> None:
    try:
        found = read_message(message)
    except BadMessage as error:
        assert error.status in (Status.BAD_MESSAGE, Status.NO_METHOD)
        assert error.to_answer is (message.get("status") is None)
        return
    assert isinstance(found, Answer) is (message.get("status") is not None)
    assert isinstance(found, Call) is (message.get("status") is None and message.get("id") is not None)
