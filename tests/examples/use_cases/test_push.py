"""The push service, its publisher and its subscribers as processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.examples.use_cases.program import Program

NEWS = [("weather", "Rain at noon"), ("sports", "No match"), ("weather", "Sun at two"), ("news", "Nothing new")]


@pytest.fixture
def url(service: Program) -> str:
    return service.find(r"topics .* on (tcp://127\.0\.0\.1:\d+)")[1]


@pytest.fixture
def service() -> Iterator[Program]:
    with Program("push_service", "--url", "tcp://127.0.0.1:0", "news", "weather", "sports") as program:
        yield program


def publish(url: str, topic: str, news: str) -> tuple[int, str]:
    with Program("push_publisher", "--url", url, topic, news) as program:
        return program.failed()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_subscribers_get_the_topics_they_registered_for(service: Program, url: str, number: int) -> None:
    with (
        Program("push_subscriber", "--url", url, "weather") as one,
        Program("push_subscriber", "--url", url, "news", "weather") as other,
    ):
        one.find("subscribed to weather")
        other.find("subscribed to news, weather")
        for topic, news in NEWS:
            assert publish(url, topic, news) == (0, "")
        other.find("news: Nothing new")
        one.find("weather: Sun at two")
        one.end(number)
        other.end(number)
        assert one.out.text() == "subscribed to weather\nweather: Rain at noon\nweather: Sun at two"
        assert other.out.text().splitlines()[1:] == [
            "weather: Rain at noon",
            "weather: Sun at two",
            "news: Nothing new",
        ]
    service.end(number)


def test_a_topic_that_is_not_there(url: str) -> None:
    status, said = publish(url, "politics", "Nothing")
    assert status == 1
    assert "no event 'politics'" in said
    with Program("push_subscriber", "--url", url, "politics") as program:
        assert program.failed() == (1, "no topic 'politics'; there are: news, weather, sports")


def test_no_service(service: Program, url: str) -> None:
    service.end()
    status, said = publish(url, "weather", "Rain")
    assert status == 1
    assert "can't connect" in said
    with Program("push_subscriber", "--url", url, "weather") as program:
        assert program.failed()[0] == 1
