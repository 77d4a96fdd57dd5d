"""Chapter "Requests" of the documentation of pysig 0.7, in Python 3; within one program, and over a server."""
# ruff: noqa: UP031 - the documentation's own formats

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig


class SenderRequestHandler:
    def getWeather(self, params: Any) -> Any:
        if params.get("when", "") == "now":
            return 20.2
        else:
            return "unknown"

    def get(self, method: str, params: Any) -> str:
        return "Unknown method %s" % (method)


class WithoutGet:
    def getWeather(self, params: Any) -> Any:
        return 20.2


class OnlyGet:
    def get(self, method: str, params: Any) -> Any:
        return [method, params]


class Failing:
    def getWeather(self, params: Any) -> Any:
        raise ValueError("no sensor")


def mapping() -> dict[str | None, Any]:
    handler = SenderRequestHandler()
    return {"getWeather": handler.getWeather, None: handler.get}


@pytest.mark.parametrize("handler", [SenderRequestHandler(), mapping()], ids=["object", "mapping"])
def test_example(handler: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # create router
    router = sig.Router()

    # create sender with support for requests
    sender = router.addSender("my_sender", ["weather_change"], request_handler=handler)

    # now we can request things from sender
    response = sender.request("getWeather", {"when": "now"})
    print("Weather now is: %s" % (response))

    response = router.request("my_sender", "getWeather", {"when": "tomorrow"})
    print("Weather tomorrow is: %s" % (response))

    # request something unknown
    response = router.request("my_sender", "getWeatherInformation", None)
    print(response)

    assert capsys.readouterr().out.splitlines() == [
        "Weather now is: 20.2",
        "Weather tomorrow is: unknown",
        "Unknown method getWeatherInformation",
    ]


@pytest.mark.parametrize("handler", [SenderRequestHandler(), mapping()], ids=["object", "mapping"])
def test_example_over_a_server(
    handler: Any, near: sig.ClientRouter, far: sig.ClientRouter, capsys: pytest.CaptureFixture[str]
) -> None:
    far.addRemoteSender("my_sender", ["weather_change"], request_handler=handler)
    router = near
    print("Weather now is: %s" % (router.remoteRequest("my_sender", "getWeather", {"when": "now"})))
    print("Weather tomorrow is: %s" % (router.remoteRequest("my_sender", "getWeather", {"when": "tomorrow"})))
    print(router.remoteRequest("my_sender", "getWeatherInformation", None))
    assert capsys.readouterr().out.splitlines() == [
        "Weather now is: 20.2",
        "Weather tomorrow is: unknown",
        "Unknown method getWeatherInformation",
    ]


def test_without_get_an_unknown_method_is_a_lookup_error(near: sig.ClientRouter, far: sig.ClientRouter) -> None:
    router = sig.Router()
    router.addSender("my_sender", ["weather_change"], request_handler=WithoutGet())
    assert router.request("my_sender", "getWeather") == 20.2
    with pytest.raises(LookupError, match="getWeatherInformation"):
        router.request("my_sender", "getWeatherInformation", None)

    far.addRemoteSender("my_sender", ["weather_change"], request_handler=WithoutGet())
    assert near.remoteRequest("my_sender", "getWeather") == 20.2
    with pytest.raises(LookupError, match="getWeatherInformation"):
        near.remoteRequest("my_sender", "getWeatherInformation", None)


def test_a_handler_may_have_get_alone(near: sig.ClientRouter, far: sig.ClientRouter) -> None:
    router = sig.Router()
    router.addSender("my_sender", [], request_handler=OnlyGet())
    assert router.request("my_sender", "anything", 1) == ["anything", 1]
    assert router.request("my_sender", "get", 2) == ["get", 2]

    far.addRemoteSender("my_sender", [], request_handler=OnlyGet())
    assert near.remoteRequest("my_sender", "anything", 1) == ["anything", 1]
    assert near.remoteRequest("my_sender", "get", 2) == ["get", 2]


def test_what_a_handler_raises_is_the_callers_to_catch(
    near: sig.ClientRouter, far: sig.ClientRouter, server: sig.ServerRouter
) -> None:
    router = sig.Router()
    sender = router.addSender("my_sender", [], request_handler=Failing())
    for ask in (sender.request, lambda method: router.request("my_sender", method)):
        with pytest.raises(ValueError, match="no sensor"):
            ask("getWeather")

    far.addRemoteSender("my_sender", [], request_handler=Failing())
    server.addSender("of the server", [], request_handler=Failing())
    for name in ("my_sender", "of the server"):
        with pytest.raises(sig.RemoteError) as caught:
            near.remoteRequest(name, "getWeather")
        assert (caught.value.exception, caught.value.text) == ("ValueError", "no sensor")


def test_a_sender_that_reconnects_passes_its_handler_again() -> None:
    router = sig.Router()
    router.addListener(lambda info, data: None, "my_sender")  # keeps the sender known while it is away
    sender = router.addSender("my_sender", ["weather_change"], request_handler=SenderRequestHandler())
    router.removeSender(sender)
    sender = router.addSender("my_sender", ["weather_change"])
    with pytest.raises(LookupError):
        sender.request("getWeather", {"when": "now"})
    router.removeSender(sender)
    sender = router.addSender("my_sender", ["weather_change"], request_handler=SenderRequestHandler())
    assert sender.request("getWeather", {"when": "now"}) == 20.2


def test_only_connected_senders_are_asked(near: sig.ClientRouter, far: sig.ClientRouter) -> None:
    router = sig.Router()
    sender = router.addSender("my_sender", [], request_handler=SenderRequestHandler())
    router.removeSender(sender)
    with pytest.raises(sig.UnknownSender):
        router.request("my_sender", "getWeather")
    with pytest.raises(sig.UnknownSender):
        sender.request("getWeather")

    far.removeRemoteSender(far.addRemoteSender("my_sender", [], request_handler=SenderRequestHandler()))
    with pytest.raises(sig.UnknownSender):
        near.remoteRequest("my_sender", "getWeather")


def test_a_sender_without_handler_takes_no_requests() -> None:
    router = sig.Router()
    router.addSender("my_sender", ["weather_change"])
    with pytest.raises(LookupError, match="takes no requests"):
        router.request("my_sender", "getWeather")
