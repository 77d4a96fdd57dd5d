"""The kit itself: waiting, the clock, running by hand, and what it imports."""

from __future__ import annotations

import subprocess
import sys
import threading
import unittest
from functools import partial

import pytest

from sig_core.testing import (
    BoardConformance,
    CarrierConformance,
    CodecConformance,
    FakeClock,
    begin,
    check,
    eventually,
    rules,
    run,
    soon,
    within,
)
from sig_core.testing.carrier_data import first_difference
from sig_core.testing.checks import Suite
from sig_core.testing.child import Unnamed, child
from tests.testing.plain_codec import PlainCodec
from tests.testing.reference import PacketCarrier


class Lossy(PlainCodec):
    """Refuses what it should carry."""

    def encode(self, value: object) -> bytes:
        if value == {"k": None}:
            raise ValueError("no None, please")
        return super().encode(value)


class LossyChecks(CodecConformance):
    codec, examples = Lossy, 20


def test_it_imports_no_pytest_and_no_plugin() -> None:
    code = "import sys, sig_core.testing; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pytest", "_pytest", "asyncio", "hypothesis", "sig_carriers", "sig_codecs"} & {*loaded}


def test_by_hand_it_gives_results_and_raises_nothing() -> None:
    results = list(run(LossyChecks))
    failed = {result.rule.number: result.reason for result in results if result.outcome == "failed"}
    assert set(failed) == {"D03"}
    assert failed["D03"] == "codec 'plain': {'k': None} is of its model, and is refused: ValueError('no None, please')"
    skipped = {result.rule.method for result in results if result.outcome == "skipped"}
    assert skipped == {"test_extras", "test_reads", "test_decode_most", "test_decode_many"}
    assert sum(result.outcome == "passed" for result in results) == len(results) - 5


def test_unittest_runs_it() -> None:
    class Case(LossyChecks, unittest.TestCase):
        pass

    names = ["test_edges", "test_extras", "test_tuples"]
    outcome = unittest.TestResult()
    unittest.TestSuite(map(Case, names)).run(outcome)
    assert (outcome.testsRun, len(outcome.failures), len(outcome.errors), len(outcome.skipped)) == (3, 1, 0, 1)


@pytest.mark.parametrize("made", [PacketCarrier, lambda: PacketCarrier(), PacketCarrier(), partial(PacketCarrier)])
def test_a_carrier_may_be_named_in_many_ways(made: object) -> None:
    suite = type("Case", (CarrierConformance,), {"carrier": made, "url": PacketCarrier.url})
    suite().test_both_directions()


def test_a_suite_without_a_carrier_says_what_to_write() -> None:
    with pytest.raises(AssertionError, match=r"Case names no carrier: write `carrier = Your\.\.\.` in it"):
        type("Case", (CarrierConformance,), {})().test_scheme()


@pytest.mark.parametrize("suite", [CarrierConformance, CodecConformance, BoardConformance])
def test_rules_have_numbers_and_say_how_to_mend(suite: type[Suite]) -> None:
    found = list(rules(suite))
    assert len({rule.number for rule in found}) == len(found) > 20
    for rule in found:
        assert rule.number != "own", rule
        assert "Mend: " in rule.text, rule


def test_a_check_of_an_author_is_a_rule_too() -> None:
    class Own(LossyChecks):
        def test_speed(self) -> None:
            """It is fast."""

    assert list(rules(Own))[-1].text == "It is fast."


def test_check_raises_with_its_message() -> None:
    check(True, "never")
    with pytest.raises(AssertionError, match="always"):
        check(False, "always")


def test_soon_gives_results_passes_errors_and_tells_what_hangs() -> None:
    assert soon("adding", 5, lambda: 1 + 1) == 2
    with pytest.raises(TimeoutError, match="its own"):
        soon("raising", 5, partial(_raise, TimeoutError("its own")))
    stop = threading.Event()
    with pytest.raises(AssertionError, match=r"sleeping has not come back within"):
        soon("sleeping", 0.01, stop.wait)
    stop.set()


def _raise(error: Exception) -> None:
    raise error


def test_eventually_returns_or_says_what_did_not_come_true() -> None:
    come = threading.Event()
    begin(come.set)
    eventually(come.is_set)
    with pytest.raises(AssertionError, match=r"rain did not come true within"):
        eventually(lambda: False, 0.01, "rain")


def test_a_clock_stands_until_it_is_turned() -> None:
    clock = FakeClock(5.0)
    assert (clock(), clock()) == (5.0, 5.0)
    sleeping = begin(clock.sleep, 3)
    clock.advance(1)
    assert not sleeping.done()
    eventually(lambda: clock.advance(1) or sleeping.done())
    assert clock() >= 8.0
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


class Counted(PlainCodec):
    """Has what another one of its class would not have."""

    def __init__(self, count: int) -> None:
        self.count = count


class Locked(PlainCodec):
    """Can't be copied."""

    count = 0

    def __init__(self) -> None:
        self.lock = threading.Lock()


@pytest.mark.parametrize(("made", "count"), [(Counted(7), "7"), (Locked(), "0")], ids=["copied", "made anew"])
def test_another_process_has_the_same_plugin(made: object, count: str) -> None:
    command = child(made, "print(found.count, *sys.argv[3:])", "x")
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == f"{count} x\n"


def test_what_another_process_can_not_import_says_what_to_do() -> None:
    class Local(PlainCodec):
        pass

    with pytest.raises(Unnamed, match=r"Local can't be imported by another process: write it at the top of a module"):
        child(Local(), "")


def test_a_peer_that_can_not_connect_is_skipped_with_what_it_said() -> None:
    suite = type("Case", (CarrierConformance,), {"carrier": PacketCarrier, "url": PacketCarrier.url})
    said = r"can't connect to packet://here: ConnectionRefusedError: .*nobody listens"
    with pytest.raises(unittest.SkipTest, match=said):
        suite().test_peer_is_killed()


def test_limits_scale() -> None:
    code = "from sig_core.testing import within; print(within(2))"
    environment = {"SIG_TIMEOUT_FACTOR": "3"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert run.stdout == "6.0\n"
    assert within(0) == 0


@pytest.mark.parametrize(
    ("sent", "got", "said"),
    [
        (b"abcd", b"ab", "2 of 4 bytes arrived"),
        (b"ab", b"abab", "4 bytes arrived, 2 were sent"),
        (b"abcd", b"abxd", "byte 2 of 4 was b'cd', and b'xd' arrived"),
    ],
)
def test_differences_are_told(sent: bytes, got: bytes, said: str) -> None:
    assert first_difference(sent, got) == said
