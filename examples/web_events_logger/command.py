"""The program from its start to its end."""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn
from login import token_of

import sig_core as sig
from sig_core.address import is_exposed
from web_events_logger.feed import Feed
from web_events_logger.journal import Journal
from web_events_logger.options import read_options
from web_events_logger.rest import make_app
from web_events_logger.subscriber import Subscriber, logger

__all__ = ["main", "make_server"]

PATIENCE = 1  # seconds for answers that are under way at the end


def main() -> int:
    """Run until SIGINT or SIGTERM: status 0; 1 if the HTTP port can't be had, 2 if the options can't be meant."""
    _on_end(lambda number, frame: sys.exit(0))
    sys.stdout = _Output(sys.stdout.buffer, errors="backslashreplace", line_buffering=True)
    sig.setup_logger(logger)
    options = read_options()
    try:
        listening = _listen(options.http_host, options.http_port)
    except OSError as error:
        where, reason = f"{options.http_host}:{options.http_port}", os.strerror(error.errno) if error.errno else error
        return _failed(f"{where}: {reason}; take another --http-host or --http-port", 1)
    journal = Journal(options.limit)
    subscriber = Subscriber(options.url, options.codec, options.listen, journal, token_of(options))
    try:
        subscriber.start()
        hosts = frozenset({options.http_host.lower(), *map(str.lower, options.allowed_host)})
        _serve(make_server(journal, subscriber, hosts), listening)
    except (sig.ConfigError, sig.PluginError) as error:
        return _failed(str(error), 2)
    finally:
        listening.close()
        subscriber.stop()
    return 0


def make_server(journal: Journal, subscriber: Subscriber, hosts: frozenset[str]) -> uvicorn.Server:
    """Make the web server; it ends when its `should_exit` is set."""
    feed = Feed(journal, subscriber, lambda: server.should_exit)
    config = uvicorn.Config(
        make_app(journal, subscriber, feed, hosts),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE,
    )
    server = uvicorn.Server(config)
    # A page that reads slowly is cut off at the end, which is no error.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not server.should_exit)
    return server


def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
    """Answer browsers until a signal comes."""
    _on_end(server.handle_exit)
    host, port = listening.getsockname()[:2]
    if is_exposed(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"):
        logger.warning(f"{host}:{port} is open to the network: whoever reaches it sees all events")
    print(f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/")
    server.run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


def _on_end(handler: Callable[[int, FrameType | None], object]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _failed(text: str, status: int) -> int:
    print(f"web_events_logger: {text}", file=sys.stderr)
    return status


class _Output(io.TextIOWrapper):
    """Standard output, which somebody may stop reading while the program goes on."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return len(text)
