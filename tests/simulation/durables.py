"""What must hold of durable listeners when all has come to rest, and when all is over."""

from __future__ import annotations

from typing import Any

from sig_core.routing.durable_port import NO_ROOM, DurablePort
from sig_core.routing.durables import FAILED
from sig_core.store.contract import EXPIRED
from tests.simulation.network import Network
from tests.simulation.server_node import ServerNode
from tests.simulation.world import Breach

__all__ = ["all_was_heard", "is_writing", "ledger_adds_up", "left_of_durables"]


def is_writing(server: ServerNode) -> bool:
    """Whether anything is on its way into a store, or out of it."""
    durables = server.exchange.durables
    if durables is None or server.worker is None:
        return False
    return server.worker.is_busy or any(port.unsaved or _sends(port) for port in durables.all())


def _sends(port: DurablePort) -> bool:
    """Whether more is to be sent to the listener that is there."""
    feed: Any = port.feed
    return feed is not None and feed._at < port.record.last and len(feed._under_way) < 1000


def ledger_adds_up(network: Network) -> None:
    """Check that of each durable what was routed is heard, waits or is lost."""
    disk = network.disk
    assert disk is not None and network.server.exchange.durables is not None
    records = {record.name: record for record in disk.durables()}
    for port in network.server.exchange.durables.all():
        record = records.pop(port.record.name)
        told, life, waits = port.describe(record), disk.lives[record.name], len(disk._events[record.name])
        passed = sum(count for reason, count in told["lost"].items() if reason not in (EXPIRED, NO_ROOM, FAILED))
        delivered = len(life.kept) - waits - len(life.expired) - passed
        if min(told["fired"], told["delivered"], told["waiting"]) < 0:
            raise Breach("ledger", f"{life}: {told}")
        if (told["waiting"], told["delivered"]) != (waits, delivered):
            raise Breach("ledger", f"{life}: {told}; {waits} wait, {delivered} were delivered")
        if life.pattern[1] is not None and told["fired"] != life.due:  # else who comes and goes is kept, too
            raise Breach("ledger", f"{life}: {told}; {life.due} were routed")
    if records:
        raise Breach("ledger", f"the store has {sorted(records)}, which the server does not know")


def all_was_heard(network: Network) -> None:
    """Check, when all that is kept was to be heard and acknowledged, that it was."""
    disk = network.disk
    assert disk is not None
    for record in disk.durables():
        life = disk.lives[record.name]
        if record.events or record.bytes:
            raise Breach("durable", f"{life}: {record.events} events are left, {record.bytes} bytes: {record}")
        unheard = life.unheard()
        passed = sum(count for reason, count in record.lost.items() if reason not in (EXPIRED, NO_ROOM, FAILED))
        if len(unheard) > passed or not all(life.kept[position].is_binary for position in unheard):
            raise Breach(
                "durable", f"{life}: nobody heard {unheard}: {[life.kept[each] for each in unheard]}, {record}"
            )
    ledger_adds_up(network)


def left_of_durables(network: Network) -> dict[str, int]:
    """Count what is left when all durables were dropped."""
    durables, disk = network.server.exchange.durables, network.disk
    if durables is None or disk is None:
        return {}
    return {
        "durables": len(durables._ports) + len(durables._dirty) + len(durables._waits),
        "names of durables": len(durables._making),
        "marks of durables": len(durables._marks),
        "kept events": len(disk._durables) + len(disk._events),
    }
