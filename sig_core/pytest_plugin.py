"""The pytest plug-in `sig`: the kit against what is installed and against boards, and routers as fixtures.

pytest loads it in every run of everybody, so nothing of pysig is imported until an option or a fixture asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from sig_core.client import ClientRouter
    from sig_core.server import ServerRouter
    from sig_core.testing.checks import Rule, Suite
    from sig_core.testing.clock import FakeClock

RESULT = "sig-conformance"  # the property of a test report that says which check it was
NAME = "sig-name"  # and the one that says how a board is called
KINDS = ("carrier", "codec", "board")
BOARD_COMES = 30.0  # seconds that a board may take to be heard, scaled


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the command line takes."""
    group = parser.getgroup("sig", "pysig: carriers, codecs and boards")
    add = group.addoption
    carrier = "check this installed carrier, tls+NAME: inside TLS; repeatable"
    add("--sig-carrier", action="append", default=[], metavar="NAME", help=carrier)
    add("--sig-codec", action="append", default=[], metavar="NAME", help="check this installed codec; repeatable")
    add("--sig-board", action="append", default=[], metavar="PORT", help="check the board on this port; repeatable")
    add("--sig-url", default="", metavar="URL", help="where the carrier listens; default: its `trial`")
    add("--sig-client-url", default="", metavar="URL", help="where it connects to; default: where it listens")
    add("--sig-report", default="", metavar="PATH", help="where to write sig-conformance.json; default: the rootdir")


# -- the kit against what is installed, and against boards


class Check(pytest.Item):
    """One check of an installed plug-in, or of a board."""

    def __init__(self, *, suite: type[Suite], rule: Rule, about: tuple[str, str], **others: Any) -> None:
        super().__init__(**others)
        self._suite = suite
        self._rule = rule
        self.user_properties.append((RESULT, [*about, rule.method]))

    def runtest(self) -> None:
        """Make it."""
        suite = self._suite()
        try:
            getattr(suite, self._rule.method)()
        finally:
            name = getattr(suite, "name", None)  # a board says it
            if name is not None:
                self.user_properties.append((NAME, str(name)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say the breach and the rule; where in the kit it was found helps nobody."""
        if isinstance(excinfo.value, AssertionError):
            return f"{excinfo.value}\n\n{self._rule.number}: {self._rule.text}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Say what it is."""
        return self.path, None, self.name


@pytest.hookimpl(tryfirst=True)  # so that -k and --deselect see them too
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the checks that options ask for."""
    for kind, name in _asked(config):
        items.extend(_checks(session, kind, name))


def _asked(config: pytest.Config) -> list[tuple[str, str]]:
    return [(kind, name) for kind in KINDS for name in dict.fromkeys(config.getoption(f"--sig-{kind}"))]


def _checks(session: pytest.Session, kind: str, name: str) -> Iterator[pytest.Item]:
    from sig_core.errors import PluginError
    from sig_core.testing import rules
    from sig_core.testing.installed import suite_for

    urls = (session.config.getoption("--sig-url"), session.config.getoption("--sig-client-url"))
    try:
        suite = suite_for(kind, name, *urls)
    except (PluginError, ValueError) as error:
        raise pytest.UsageError(f"--sig-{kind}={name}: {error}") from error
    for rule in rules(suite):
        title = f"sig-{kind}[{name}]::{rule.method}"
        yield Check.from_parent(session, name=title, suite=suite, rule=rule, about=(kind, name))


# -- its report


def pytest_configure(config: pytest.Config) -> None:
    """Write a report, if there is something to report."""
    if _asked(config) and not hasattr(config, "workerinput"):  # a worker of pytest-xdist tells the one that started it
        config.pluginmanager.register(Reporter(config), "sig-reporter")


class Reporter:
    """Gathers what came of each check, and writes it down at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._outcomes: dict[tuple[str, str], dict[str, tuple[str, str]]] = {about: {} for about in _asked(config)}
        self._names: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note an outcome; of the phases of a check the one counts that did not pass."""
        properties: dict[str, Any] = dict(report.user_properties)
        told = properties.get(RESULT)
        if told is not None and (report.when == "call" or not report.passed):
            kind, asked, method = told
            self._outcomes[kind, asked][method] = (report.outcome, _reason(report))
            if NAME in properties:
                self._names[kind, asked] = properties[NAME]

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        if not any(self._outcomes.values()):
            return
        from sig_core.testing.checks import Result, Rule
        from sig_core.testing.installed import info_for
        from sig_core.testing.report import FILE, report_of, write

        reports = [
            report_of(
                info_for(about[0], self._names.get(about, about[1])),
                [Result(Rule("", method, ""), *outcome) for method, outcome in found.items()],
            )
            for about, found in self._outcomes.items()
        ]
        write(Path(self._config.getoption("--sig-report") or self._config.rootpath / FILE), reports)


def _reason(report: pytest.TestReport) -> str:
    if report.passed:
        return ""
    if report.skipped and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return report.longreprtext.split("\n\n")[0]


# -- fixtures


class Pair(NamedTuple):
    """A server, and a client of it."""

    server: ServerRouter
    client: ClientRouter


class Board(NamedTuple):
    """A board, and the server that it came to."""

    server: ServerRouter
    name: str


@pytest.fixture
def sig_clock() -> FakeClock:
    """A clock that stands until the test turns it."""
    from sig_core.testing.clock import FakeClock

    return FakeClock()


@pytest.fixture
def sig_router(request: pytest.FixtureRequest) -> Iterator[ServerRouter]:
    """A started ServerRouter on local://, with a name of its own."""
    from sig_core.server import ServerRouter

    with ServerRouter(f"local://sig-router-{id(request)}") as server:
        yield server


@pytest.fixture
def sig_pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """A server and a client: over the first --sig-carrier in the first --sig-codec; without them over local in json."""
    from sig_core.client import ClientRouter
    from sig_core.server import ServerRouter
    from sig_core.testing.credentials import client_url, server_url

    carrier, codec = (next(iter(request.config.getoption(f"--sig-{kind}")), "") for kind in ("carrier", "codec"))
    url = f"local://sig-pair-{id(request)}"
    if carrier:
        from sig_core.testing.installed import url_for

        url = (request.config.getoption("--sig-url") or url_for(carrier)).replace("{folder}", str(tmp_path))
    with ServerRouter(server_url(url)) as server:
        there = request.config.getoption("--sig-client-url") or server.addresses[0]
        with ClientRouter(client_url(there), codec or "json", reconnect=None) as client:
            yield Pair(server, client)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of `sig_board` once for each board."""
    if "sig_board" in metafunc.fixturenames:
        boards = metafunc.config.getoption("--sig-board")
        none = pytest.param("", marks=pytest.mark.skip(reason="no board: name where it is with --sig-board=PORT"))
        metafunc.parametrize("sig_board", boards or [none], indirect=True, ids=str)


@pytest.fixture
def sig_board(request: pytest.FixtureRequest) -> Iterator[Board]:
    """A board that has come to a server: `sig_board.server`, and `sig_board.name`, under which it is a sender."""
    from sig_core.server import ServerRouter
    from sig_core.testing.board_suite import url_of
    from sig_core.testing.waiting import eventually

    come: list[Any] = []
    with ServerRouter() as server:
        server.add_listener(lambda info, data: come.append(info["sender"]), event="#connect")
        server.listen(url_of(request.param))
        eventually(lambda: come, BOARD_COMES, f"a board at {request.param}")
        yield Board(server, come[0])
