"""`sig durable`: at a server, and in the file of one that is stopped; `sig serve --store`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from sig_core.cli.failures import LINK, OK, REFUSED, USAGE
from tests.cli.command import Here, start
from tests.support import within


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def url(store: Path) -> Iterator[str]:
    """A server with three events kept for a durable whose listener has left."""
    with sig.ServerRouter("tcp://127.0.0.1:0", store=store) as server:
        with sig.ClientRouter(server.addresses[0]) as till:
            till.add_remote_listener(lambda info, data: None, event="#sold", durable="billing")
        with sig.ClientRouter(server.addresses[0]) as shop:
            sold = shop.add_remote_sender("shop", ["#sold"]).get_signal("#sold")
            for number in range(3):
                sold.trigger(number, within(10))
        yield server.addresses[0]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(capsys)


def told(command: Here, *words: str) -> list[dict[str, Any]]:
    done = command("durable", *words, "--json")
    assert (done.returncode, done.stderr) == (OK, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_list_show_and_drop_at_a_server(command: Here, url: str) -> None:
    (each,) = told(command, "list", "--url", url)
    assert (each["durable"], each["event"], each["waiting"], each["heard_by"]) == ("billing", "#sold", 3, None)
    assert told(command, "show", "billing", "--url", url) == [each]
    assert told(command, "drop", "billing", "--url", url) == [{"dropped": "billing", "waiting": 3}]
    assert told(command, "list", "--url", url) == []


def test_a_name_that_there_is_not_is_named_with_those_there_are(command: Here, url: str) -> None:
    for what in ("show", "drop"):
        done = command("durable", what, "biling", "--url", url)
        assert done.returncode == USAGE and "'biling'" in done.stderr and "there are: billing" in done.stderr


def test_the_file_of_a_server_that_runs_is_in_use(command: Here, url: str, store: Path) -> None:
    done = command("durable", "list", "--store", str(store))
    assert done.returncode == REFUSED and "another process has it open" in done.stderr


def test_a_server_without_a_store_says_what_to_do(command: Here) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        done = command("durable", "list", "--url", server.addresses[0])
        assert done.returncode == REFUSED and "sig serve --store FILE" in done.stderr


def test_what_a_server_kept_is_there_when_it_is_stopped_and_when_it_is_back(
    command: Here, tmp_path: Path, store: Path
) -> None:
    config = tmp_path / "sig.toml"
    config.write_text('listen = ["tcp://127.0.0.1:0"]\nstore = "events.db"\n')  # where this file is
    for ways in (("--store", str(store), "tcp://127.0.0.1:0"), ("--config", str(config))):
        with start("serve", *ways) as process:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["listening"]
            with sig.ClientRouter(url) as client:
                if not client.durables():  # else it would hear what was kept before it is removed
                    client.add_remote_listener(lambda info, data: None, "shop", durable="billing").remove()
                client.add_remote_sender("shop", ["sold"]).get_signal("sold").trigger(1, within(10))
            process.terminate()
            assert process.wait(within(20)) == OK
    (each,) = told(command, "list", "--store", str(store))
    assert each["durable"] == "billing" and each["waiting"] == each["last"] > 2
    dropped = told(command, "drop", "billing", "--store", str(store))
    assert dropped == [{"dropped": "billing", "waiting": each["waiting"]}]
    assert told(command, "list", "--store", str(store)) == []


def test_a_file_that_is_none(command: Here, tmp_path: Path) -> None:
    done = command("durable", "list", "--store", str(tmp_path / "nowhere.db"))
    assert done.returncode == USAGE and "there is no such file" in done.stderr
    other = tmp_path / "other.db"
    other.write_text("no store\n" * 1000)
    for words in (("durable", "list", "--store", str(other)), ("serve", "tcp://127.0.0.1:0", "--store", str(other))):
        done = command(*words)
        assert done.returncode == USAGE and "other.db" in done.stderr
    assert other.read_text() == "no store\n" * 1000


def test_nobody_there(command: Here) -> None:
    assert command("durable", "list", "--url", "tcp://127.0.0.1:1").returncode == LINK
