"""What objects of a user are called in messages: whatever they are, none of this raises."""

from __future__ import annotations

from typing import Final

from sig_core.interrupts import pass_interrupt_on

__all__ = ["described", "name_of_callable", "text_of"]

SHOWN: Final = 200


def name_of_callable(function: object) -> str:
    """Return what to call a function of a user in a message."""
    try:
        name = getattr(function, "__qualname__", None)
        if isinstance(name, str):
            return name
    except BaseException as error:
        pass_interrupt_on(error)
    return described(function)


def described(thing: object) -> str:
    """Return how an object of a user shows itself, or if it raises doing so, what it is; at most SHOWN characters."""
    try:
        text = repr(thing)
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    except BaseException as error:
        pass_interrupt_on(error)
        return object.__repr__(thing)


def text_of(error: BaseException) -> str:
    """Return the text of an exception of a user, or if it raises instead, that it can't be had."""
    try:
        return str(error)
    except BaseException as problem:
        pass_interrupt_on(problem)
        return "(its text can't be had)"
