"""The REST interface: docs/web-events-logger.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from names import write_pattern
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sig_core.errors import SigError
from web_events_logger.feed import PAGES, Feed
from web_events_logger.guard import Guard, check_change
from web_events_logger.journal import Filter, Journal
from web_events_logger.page import FOLDER, log_page, plain_line, registrations_page, standing
from web_events_logger.parameters import Parameters, read_parameters
from web_events_logger.subscriber import Subscriber

__all__ = ["make_app"]

MOST = 1000  # registrations

PATHS = "/, /regs, /registrations, /clear, /flush, /config, /cfg, /add, /remove, /rem, /entry, /events"

Answer = Callable[[Parameters], Response]


class Rest:
    """Answers requests."""

    def __init__(self, journal: Journal, subscriber: Subscriber, feed: Feed) -> None:
        self._journal = journal
        self._subscriber = subscriber
        self._feed = feed

    def routes(self) -> list[Route]:
        """Give all paths; the texts at the end of each are the parameters that it takes."""
        return [
            *_routes(["/"], self.log, "fmt", "sender", "event"),
            *_routes(["/entry"], self.entry, "number"),
            *_routes(["/regs", "/registrations"], self.registrations, "fmt"),
            *_routes(["/events"], self.events, "sender", "event"),
            *_routes(["/config", "/cfg"], self.config, "limit", changes=lambda given: "limit" in given),
            *_routes(["/clear", "/flush"], self.clear, changes=always),
            *_routes(["/add"], self.add, "sender", "event", changes=always),
            *_routes(["/remove", "/rem"], self.remove, "sender", "event", changes=always),
        ]

    def log(self, given: Parameters) -> Response:
        """Give the log: HTML with the newest entry first, or lines with the newest last."""
        only = Filter(*given.pattern())
        if given.is_plain():
            return PlainTextResponse("".join(map(plain_line, self._journal.all(only))))
        return HTMLResponse(log_page(self._journal.all(only), only))

    def entry(self, given: Parameters) -> Response:
        """Give the data of one entry, however long they are."""
        number = given.number()
        found = self._journal.find(number)
        if found is None:
            raise HTTPException(404, f"entry {number} is not in the log (any more)")
        return PlainTextResponse(found.data + "\n")

    def registrations(self, given: Parameters) -> Response:
        """Give what is listened to."""
        registrations = self._subscriber.registrations
        if given.is_plain():
            lines = [f"{write_pattern(each.pattern)}\t{standing(each)}\n" for each in registrations]
            return PlainTextResponse("".join(lines))
        return HTMLResponse(registrations_page(registrations))

    def events(self, given: Parameters) -> Response:
        """Give the live stream for a page."""
        only = Filter(*given.pattern())
        if self._feed.pages >= PAGES:
            raise HTTPException(503, f"{PAGES} pages are open, that is the most: close one")
        return StreamingResponse(self._feed.stream(only), media_type="text/event-stream")

    def config(self, given: Parameters) -> Response:
        """Change the limit, if one is given, and give the configuration."""
        if "limit" in given:
            self._journal.limit = given.limit()
        patterns = [each.pattern for each in self._subscriber.registrations]
        return JSONResponse(
            {
                "url": self._subscriber.url,
                "codec": self._subscriber.codec,
                "state": self._subscriber.state,
                "limit": self._journal.limit,
                "registrations": [{"sender": sender, "event": event} for sender, event in patterns],
            }
        )

    def clear(self, given: Parameters) -> Response:
        """Empty the log."""
        return PlainTextResponse(f"cleared {self._journal.clear()} entries\n")

    def add(self, given: Parameters) -> Response:
        """Listen to something more."""
        pattern = given.pattern()
        if len(self._subscriber.registrations) >= MOST:
            raise HTTPException(409, f"there are {MOST} registrations, that is the most: remove one")
        try:
            added = self._subscriber.add(pattern)
        except SigError as error:
            raise HTTPException(502, f"the server did not register {write_pattern(pattern)}: {error}") from error
        if added is None:
            raise HTTPException(409, f"already registered to {write_pattern(pattern)}")
        return PlainTextResponse(f"{write_pattern(pattern)}: {standing(added)}\n")

    def remove(self, given: Parameters) -> Response:
        """Listen to something no more."""
        pattern = given.pattern()
        if not self._subscriber.remove(pattern):
            raise HTTPException(404, f"not registered to {write_pattern(pattern)}")
        return PlainTextResponse(f"{write_pattern(pattern)}: removed\n")


def make_app(journal: Journal, subscriber: Subscriber, feed: Feed, hosts: frozenset[str]) -> Starlette:
    """Make the web application.

    Args:
        hosts: names under which it may be asked, beside those of the loopback and the address that is asked.
    """
    app = Starlette(
        routes=[*Rest(journal, subscriber, feed).routes(), Mount("/static", StaticFiles(directory=FOLDER / "static"))],
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers={HTTPException: _refuse},
    )
    app.router.redirect_slashes = False  # a path is right or wrong
    return app


def never(given: Parameters) -> bool:
    return False


def always(given: Parameters) -> bool:
    return True


def _routes(
    paths: Sequence[str], answer: Answer, *known: str, changes: Callable[[Parameters], bool] = never
) -> list[Route]:
    async def endpoint(request: Request) -> Response:
        given = await read_parameters(request, known)
        if changes(given):
            check_change(request)
        return await run_in_threadpool(answer, given)

    routes = [Route(path, endpoint, methods=["GET", "POST"]) for path in paths]
    for route in routes:
        assert route.methods is not None
        route.methods.discard("HEAD")  # it promises to change nothing
    return routes


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reason = error.detail
    if error.status_code == 404 and reason == "Not Found":
        reason = f"no such page; there are {PATHS}"
    return PlainTextResponse(f"{reason}\n", error.status_code, error.headers)
