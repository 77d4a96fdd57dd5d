"""Second spellings of methods."""

from __future__ import annotations

import inspect

import pytest

import sig_core as sig
from sig_core.spelling import alias


class Base:
    def say_it(self, word: str) -> str:
        return f"base {word}"

    sayIt = alias(say_it)  # noqa: N815


class Derived(Base):
    def say_it(self, word: str) -> str:
        return f"derived {word}"


def test_overriding_the_method_changes_both_spellings() -> None:
    assert Base().sayIt("x") == "base x"
    assert Derived().sayIt("x") == "derived x"
    assert "say_it" in (Base.__dict__["sayIt"].__doc__ or "")


@pytest.mark.parametrize("owner", [sig.Router, sig.ServerRouter, sig.ClientRouter, sig.Sender])
def test_the_views_of_the_package_are_named_after_their_methods(owner: type) -> None:
    views = {name: view for name, view in inspect.getmembers_static(owner) if isinstance(view, alias)}
    assert views
    for name, view in views.items():
        assert callable(inspect.getattr_static(owner, view._name)), name
        if name != view._name.replace("_", ""):
            words = view._name.split("_")
            assert name == words[0] + "".join(word.title() for word in words[1:])
