"""The command group: its commands, what every one of them shares, and how it ends."""

from __future__ import annotations

import logging
import os
import signal
import sys
from importlib import import_module
from typing import Any

import click

import sig_core
from sig_core.cli.failures import FAILED, INTERRUPTED, OK, STATUSES, USAGE, status_of
from sig_core.cli.groups import Group
from sig_core.errors import SigError
from sig_core.printable import printable

__all__ = ["COMMANDS", "run", "sig"]

COMMANDS = {  # name -> module of this package; imported when it is called, or helped with
    "serve": "serve",
    "listen": "listen",
    "trigger": "trigger",
    "request": "request",
    "reply": "reply",
    "record": "record",
    "replay": "replay",
    "senders": "look",
    "stats": "look",
    "ledger": "ledger",
    "durable": "durable",
    "plugins": "look",
    "explain": "explain",
    "whoami": "explain",
    "ports": "ports",
    "token": "token",
    "certs": "certs",
    "doctor": "doctor",
    "new": "new",
    "demo": "demo",
    "completion": "completion",
}


class Commands(Group):
    """Imports a command when it is needed, and asks the plug-ins for theirs when a name is none of ours."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Ours in their order, then those of plug-ins."""
        _add_those_of_plugins()
        return [*COMMANDS, *sorted(super().list_commands(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command."""
        if cmd_name in COMMANDS:
            module = import_module(f"sig_core.cli.{COMMANDS[cmd_name]}")
            command: click.Command = getattr(module, cmd_name)
            return command
        _add_those_of_plugins()
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. click would say something when it is interrupted, or nobody reads any more; we do not."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return _nobody_reads()
        except KeyboardInterrupt:
            return INTERRUPTED


def _epilog() -> str:
    lines = [f"{status:>3}  {meaning}" for status, meaning in STATUSES.items()]
    return "\b\nExit status:\n" + "\n".join(lines)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_epilog())
@click.version_option(f"{sig_core.__version__} ({sig_core.build})", "-V", "--version", prog_name="sig")
@click.option("-v", "--verbose", is_flag=True, help="Say more: links that come and go.")
def sig(verbose: bool) -> None:
    """Route events and requests between programs, over any carrier and codec.

    On a terminal the output is for people; in a pipe, or with --json, it is one JSON object a line.
    """
    if verbose:
        logging.getLogger().setLevel(logging.INFO)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status; no error comes out as a traceback."""
    _see_to_streams()
    logging.basicConfig(level=logging.WARNING, format="sig: %(message)s", stream=sys.stderr)
    signal.signal(signal.SIGTERM, _end)
    try:
        status = sig.main(arguments, prog_name="sig", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else OK
    except click.ClickException as error:
        error.show()
        return USAGE
    except SigError as error:
        for text in getattr(error, "problems", [str(error)]):  # a file may have many: each has a line of its own
            _say(text, status_of(error))
        return status_of(error)
    except BrokenPipeError:  # who read our output has had enough
        return _nobody_reads()
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except Exception as error:
        logging.getLogger("sig").debug("this should not have happened", exc_info=True)
        return _say(f"{type(error).__name__}: {error}", FAILED)


def _see_to_streams() -> None:
    """Hand a command something to write to that was started with its output closed."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, open(nowhere, "w", closefd=False))  # noqa: SIM115 - for as long as we run


def _nobody_reads() -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what the interpreter flushes at its end
    return OK


def _say(text: str, status: int) -> int:
    print(f"sig: {printable(text)}", file=sys.stderr)
    return status


def _end(number: int, frame: Any) -> None:
    """SIGTERM ends a command as Ctrl-C does."""
    raise KeyboardInterrupt


_asked = False


def _add_those_of_plugins() -> None:
    global _asked
    if _asked:
        return
    _asked = True
    add = sig_core.default_plugins().hooks.of("sig_cli_commands")
    if add is not None:
        before = dict(sig.commands)
        add(group=sig)
        for name in [name for name in sig.commands if name in COMMANDS and name not in before]:
            logging.getLogger("sig").error("a plug-in offers the command %r, which is sig's own: left out", name)
            del sig.commands[name]
