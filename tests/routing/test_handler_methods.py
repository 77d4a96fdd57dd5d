"""Which methods a request handler has: found once, and nothing is run to find them."""

from __future__ import annotations

import functools
import types
from collections import UserDict
from typing import Any
from unittest import mock

import pytest

import sig_core as sig
from sig_core.description import described, name_of_callable
from sig_core.errors import ConfigError, UnknownMethod
from sig_core.routing.handlers import Handler


def answers(handler: object, *methods: str) -> dict[str, Any]:
    found = Handler("s", handler)
    return {method: found.call(method, 5) for method in methods}


class Refused(Exception):
    """Raised by what must not be run."""


class Lazy:
    """A descriptor that is no method."""

    def __get__(self, obj: object, kind: type) -> Any:
        raise Refused


class Logged:
    """A decorator that is an object: a method all the same."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __get__(self, obj: object, kind: type) -> Any:
        return functools.partial(self, obj)

    def __call__(self, obj: object, params: Any) -> Any:
        return ["logged", self.function(obj, params)]


class Device:
    """Methods of every kind, and what is none."""

    Options = dict  # a class is no method
    limit = 7
    lazy = Lazy()
    doubled = functools.partialmethod(lambda self, factor, params: factor * params, 2)

    def __init__(self) -> None:
        self.zoom = lambda params: ("zoom", params)
        self.unit = "C"

    def __getattr__(self, name: str) -> Any:
        raise Refused

    def __dir__(self) -> list[str]:
        raise Refused

    def snap(self, params: Any) -> Any:
        return ("snap", type(self), params)

    def _private(self, params: Any) -> Any:
        raise Refused

    @property
    def temperature(self) -> float:
        raise Refused

    @functools.cached_property
    def serial(self) -> Any:
        raise Refused

    @classmethod
    def model(cls, params: Any) -> Any:
        return ("model", cls, params)

    @staticmethod
    def ping(params: Any) -> Any:
        return ("ping", params)

    @Logged
    def focus(self, params: Any) -> Any:
        return (type(self), params)

    @functools.singledispatchmethod
    def kind(self, params: Any) -> str:
        return type(params).__name__


def test_only_methods_are_offered_and_nothing_else_is_run() -> None:
    assert Handler("s", Device()).names() == ["doubled", "focus", "kind", "model", "ping", "snap", "zoom"]
    assert answers(Device(), "doubled", "focus", "kind", "model", "ping", "snap", "zoom") == {
        "doubled": 10,
        "focus": ["logged", (Device, 5)],
        "kind": "int",
        "model": ("model", Device, 5),
        "ping": ("ping", 5),
        "snap": ("snap", Device, 5),
        "zoom": ("zoom", 5),
    }


@pytest.mark.parametrize("method", ["temperature", "serial", "lazy", "unit", "limit", "Options", "_private", "unheard"])
def test_what_is_no_method_can_not_be_asked_for(method: str) -> None:
    with pytest.raises(UnknownMethod, match=f"no method '{method}' and no default"):
        Handler("s", Device()).call(method, None)


def test_a_subclass_hides_a_method_and_get_is_the_default() -> None:
    class Narrow(Device):
        snap = None  # type: ignore[assignment]

        def get(self, method: str, params: Any) -> Any:
            return (method, params)

    assert Handler("s", Narrow()).names() == ["doubled", "focus", None, "kind", "model", "ping", "zoom"]
    assert answers(Narrow(), "snap", "get", "temperature") == {
        name: (name, 5) for name in ("snap", "get", "temperature")
    }


def test_slots_hold_methods() -> None:
    class Slotted:
        __slots__ = ("empty", "number", "snap")

        def __init__(self) -> None:
            self.snap = lambda params: params + 1
            self.number = 3

    assert Handler("s", Slotted()).names() == ["snap"]
    assert answers(Slotted(), "snap") == {"snap": 6}


def test_methods_are_those_of_the_moment_when_the_sender_was_added() -> None:
    device = Device()
    handler = Handler("s", device)
    device.zoom = lambda params: ("another", params)
    assert handler.call("zoom", 5) == ("zoom", 5)


def test_a_handler_lives_as_long_as_its_sender() -> None:
    gone = []

    class Static:
        @staticmethod
        def ping(params: Any) -> Any:
            return params

        def __del__(self) -> None:
            gone.append(1)

    handler = Handler("s", Static())
    assert handler.call("ping", 1) == 1 and gone == []


class Greedy:
    """Answers to any name."""

    def __getattr__(self, name: str) -> Any:
        return lambda params: ("made up", name, params)


class Proxy(Greedy):
    def snap(self, params: Any) -> Any:
        return ("snap", params)


def test_what_getattr_makes_up_is_not_offered() -> None:
    with pytest.raises(ConfigError, match=r"no public method .* `__getattr__` would give is none: give a mapping"):
        Handler("s", Greedy())
    assert Handler("s", Proxy()).names() == ["snap"]
    with pytest.raises(UnknownMethod):
        Handler("s", Proxy()).call("zoom", 5)


class Broken:
    """A method that can't be had."""

    def __get__(self, obj: object, kind: type) -> Any:
        raise OSError("sensor is not ready")

    def __call__(self, params: Any) -> None: ...
    def snap(self, params: Any) -> None: ...


@pytest.mark.parametrize("fake", [mock.Mock, mock.MagicMock, mock.AsyncMock, mock.NonCallableMock])
@pytest.mark.parametrize("spec", [None, Broken, dict])
def test_a_mock_has_the_methods_that_it_was_given(fake: Any, spec: Any) -> None:
    made = fake(spec=spec)
    with pytest.raises(ConfigError, match="no public method"):
        Handler("s", made)
    if spec is not dict:
        made.snap = lambda params: ("mocked", params)
        assert Handler("s", made).names() == ["snap"]
        assert answers(made, "snap") == {"snap": ("mocked", 5)}
    made = mock.Mock(**{"snap.return_value": 3})
    assert answers({"snap": made.snap}, "snap") == {"snap": 3}


@pytest.mark.parametrize(
    "function", [len, print, lambda params: params, functools.partial(max, 1), Device().snap, Device.snap]
)
def test_a_function_is_no_handler(function: Any) -> None:
    with pytest.raises(ConfigError, match=r"no public method and is no mapping.*mapping \{method: function\}"):
        Handler("s", function)


@pytest.mark.parametrize("value", ["handler", 5, [len], (len,), {1}, iter([]), ValueError("x"), object()])
def test_a_value_is_no_handler(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"no public method and is no mapping"):
        Handler("s", value)


def test_what_a_handler_inherits_from_a_built_in_class_is_not_offered() -> None:
    class Journal(list[str]):
        def read(self, params: Any) -> list[str]:
            return list(self)

    assert Handler("s", Journal("ab")).names() == ["read"]


def test_a_proxy_is_not_asked_what_it_stands_for() -> None:
    class Unbound:
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError("outside of a request")

        def read(self, params: Any) -> str:
            return "read"

    assert Handler("s", Unbound()).call("read", None) == "read"


def test_a_class_is_one_if_its_methods_need_no_object() -> None:
    class Static:
        @staticmethod
        def ping(params: Any) -> Any:
            return ("ping", params)

        @classmethod
        def name(cls, params: Any) -> Any:
            return (cls, params)

    assert answers(Static, "ping", "name") == {"ping": ("ping", 5), "name": (Static, 5)}
    with pytest.raises(ConfigError, match="is a class, whose 'focus' is for its objects"):
        Handler("s", type("Some", (), {"focus": lambda self, params: None}))


def test_a_module_is_one() -> None:
    module = types.ModuleType("made")
    module.ping = lambda params: ("ping", params)  # type: ignore[attr-defined]
    assert answers(module, "ping") == {"ping": ("ping", 5)}


def test_a_method_that_can_not_be_had_is_named() -> None:
    class Camera:
        snap = Broken()

    with pytest.raises(ConfigError, match=r"'s': method 'snap' of .*Camera.* OSError: sensor is not ready") as caught:
        Handler("s", Camera())
    assert isinstance(caught.value.__cause__, OSError)


class Unread(UserDict[str, Any]):
    def items(self) -> Any:
        raise OSError("the store is away")


def test_a_mapping_is_read_once() -> None:
    with pytest.raises(ConfigError, match="can't be read: the store is away"):
        Handler("s", Unread())
    with pytest.raises(ConfigError, match="'x' is 3, which can't be called"):
        Handler("s", {"x": 3})
    functions = {"x": lambda params: 1}
    handler = Handler("s", functions)
    functions["y"] = functions.pop("x")
    assert handler.names() == ["x"]


class Shy:
    """Does not show itself."""

    def __repr__(self) -> str:
        raise Refused

    def __getattr__(self, name: str) -> Any:
        raise Refused


def test_what_does_not_show_itself_is_named_all_the_same() -> None:
    assert described(Shy()).startswith("<tests.routing.test_handler_methods.Shy object at 0x")
    assert name_of_callable(Device.snap) == "Device.snap"
    with pytest.raises(ConfigError, match="Shy object at"):
        Handler("s", Shy())
    with pytest.raises(ConfigError, match="Shy object at"):
        sig.Router().add_listener(Shy())  # type: ignore[arg-type]
