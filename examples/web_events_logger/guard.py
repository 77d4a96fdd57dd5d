"""Who may ask: browsers only under the names of this machine, and for changes only the page of this program itself."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "check_change"]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names under which every browser of today tells where a request comes from (Sec-Fetch-Site) though there is no TLS."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses requests to a host that this program is not, and adds what browsers must know to every answer.

    A web site can let its own name point to this machine; then browsers take this program for a part of that site. They
    still say the name.

    Args:
        hosts: names that are taken, beside those of the loopback and the address that a request came to.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = LOOPBACK | hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        app = self._app
        host = _host(Request(scope))
        if host not in self._hosts and host != (scope.get("server") or ("",))[0]:
            reason = f"host {host[:80]!r} is not known here: add it with --allowed-host\n"
            app = PlainTextResponse(reason, 403)
        await app(scope, receive, send_with_headers)


def check_change(request: Request) -> None:
    """Let a request that changes something pass.

    Raises:
        HTTPException: 403, with the reason: another site had a browser ask, or that can't be excluded.
    """
    told = request.headers.get("sec-fetch-site")
    if told not in (None, "same-origin", "none"):
        raise HTTPException(403, f"this request comes from another site (Sec-Fetch-Site: {told[:20]})")
    for header in ("origin", "referer"):
        where = request.headers.get(header)
        if where is not None and _netloc(where) != request.headers.get("host", "").lower():
            raise HTTPException(403, f"this request comes from another site ({header.title()}: {where[:80]})")
    if request.method != "POST" and _host(request) not in LOOPBACK:
        raise HTTPException(403, "changes are asked for with POST, but on localhost, where GET does as well")


def _host(request: Request) -> str:
    try:
        return urlsplit("//" + request.headers.get("host", "")).hostname or ""
    except ValueError:
        return ""


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""
