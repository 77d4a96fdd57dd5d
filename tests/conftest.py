"""What the whole suite shares: which tests stay in one process, how garbage is looked for, what is said at the end."""

from __future__ import annotations

import gc
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import sig_core
from tests.support.certificates import Authority
from tests.support.watched_locks import WATCH, watching

HERE = Path(__file__).parent

# A pseudo-terminal that is closed gives its name to the next one that is opened, in whichever process: a test that
# waits for its own to come back would meet that of another test. All that use them run in one process.
TERMINALS = (
    *("boards/test_", "boards/micropython", "benchmarks", "carriers/test_serial", "cli/test_ports", "demo"),
    *("system/test_line", "testing/test_boards", "testing/test_built_in", "testing/test_pytest_plugin"),
)
UNWATCHED = ("interrupts", "core/test_log.py", "session/client_state/test_state_callbacks.py")
MORE = {"avr", "qemu", "micropython", "browser", "desktop"}  # markers
KIT_RULE = re.compile(r"(?:Skipped: )?(carrier|codec|board) '[^']*': ")  # what the kit says of a rule that can't apply


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lock-watch", action="store_true", help="watch the locks in all tests")


@pytest.fixture(autouse=True)
def locks_if_asked(request: pytest.FixtureRequest) -> Iterator[None]:
    """With `--lock-watch`, every test keeps the order of locks; see `tests/support/watched_locks.py`.

    Not where calls are put into the midst of others, on one thread: what these may not wait for they are refused; nor
    where the logger itself, or which callbacks there are, is looked at: the watch wraps them.
    """
    asked = request.config.getoption("--lock-watch") and sig_core.build == "pure"
    is_watched = not {"locks_in_order", "watch"}.isdisjoint(request.fixturenames)
    is_other = any(request.path.is_relative_to(HERE / each) for each in UNWATCHED)
    if not asked or is_watched or is_other:
        yield
        return
    with watching(WATCH):
        yield
    WATCH.check()


def pytest_configure(config: pytest.Config) -> None:
    """Let programs that the tests start be interrupted, even where these run in the background of a shell script."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before what is slow is deselected
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests of terminals together; mark as slow what needs more than Python and a C compiler.

    What only the pure build can do is left out of the compiled one.
    """
    for item in items:
        if item.path.is_relative_to(HERE / "house"):
            item.add_marker(pytest.mark.pure_only("it looks at sources"))
        if (only := item.get_closest_marker("pure_only")) and sig_core.build != "pure":
            item.add_marker(pytest.mark.skip(reason=f"pure only: {only.args[0]}"))
        if MORE & {mark.name for mark in item.iter_markers()}:
            item.add_marker("slow")
        if item.path.is_relative_to(HERE) and str(item.path.relative_to(HERE)).startswith(TERMINALS):
            item.add_marker(pytest.mark.xdist_group("terminals"))


def pytest_collection_finish() -> None:
    """Set aside all there is by now: tests that look for garbage collect often, and would look at it each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs certificates: of `server`, for this machine, and of `client`. Tests add others under other names."""
    made = Authority(tmp_path_factory.mktemp("certificates"))
    made.issue("server")
    made.issue("client", "client.example", uri="sig:client")
    return made


# -- the end: with several processes pytest forgets what was deselected, and it names hundreds of skips one by one


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what is left to another run, where it is known."""
    output = getattr(items[0].config, "workeroutput", None) if items else None
    if output is not None:
        output["deselected"] = output.get("deselected", 0) + len(items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the count from the first process that ends: each has collected everything."""
    reporter = node.config.pluginmanager.get_plugin("terminalreporter")
    count = getattr(node, "workeroutput", {}).get("deselected", 0)
    if count and "deselected" not in reporter.stats:
        reporter.stats["deselected"] = [SimpleNamespace()] * count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why tests were skipped, a line a reason."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped or "s" in terminalreporter.reportchars:
        return
    terminalreporter.section("skipped", "-")
    for reason, count in Counter(_reason(report) for report in skipped).most_common():
        terminalreporter.line(f"{count:5} {reason}")


def _reason(report: pytest.TestReport) -> str:
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if kit := KIT_RULE.match(why):
        return f"rules of the kit that do not apply to a {kit[1]} (-rs names them)"
    return why.removeprefix("Skipped: ")
