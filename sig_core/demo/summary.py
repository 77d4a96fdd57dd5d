"""The demo's last words: a table, and whether everything arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sig_core.demo.door import Refusal

__all__ = ["Row", "verdict"]


@dataclass(frozen=True, slots=True)
class Row:
    """One sensor. `fired`: None if it was killed and could not say; then its numbers without gaps are what is known."""

    name: str
    carrier: str
    codec: str
    fired: int | None
    delivered: int
    lost: int
    in_order: bool

    @classmethod
    def of(cls, sensor: tuple[str, str, str], fired: int | None, heard: dict[str, list[int]]) -> Row:
        """Count what the listener heard of a sensor."""
        numbers = heard.get(sensor[0], [])
        known = fired if fired is not None else max(numbers, default=0)
        lost = len(set(range(1, known + 1)) - set(numbers))
        return cls(*sensor, fired, len(numbers), lost, numbers == sorted(set(numbers)))

    def line(self) -> str:
        """One line of the table."""
        fired = "killed" if self.fired is None else str(self.fired)
        order = "" if self.in_order else "  OUT OF ORDER OR DOUBLED"
        cells = f"{self.name:<9}{self.carrier:<9}{self.codec:<9}{fired:>8}{self.delivered:>11}{self.lost:>6}"
        return cells + order


def verdict(
    rows: list[Row], asked: int, answered: int, p50: float, seen: float | None, refusals: Sequence[Refusal] = ()
) -> int:
    """Print the table; 0 if everything arrived, and nobody came in who may not, else 1.

    Args:
        rows: what there is to count.
        asked, answered: requests.
        p50: median latency of a request, microseconds.
        seen: milliseconds from the kill to its `#disconnect` at the listener; None: it was not seen.
        refusals: who tried what he may not.
    """
    print(f"\n{'sender':<9}{'carrier':<9}{'codec':<9}{'fired':>8}{'delivered':>11}{'lost':>6}")
    for line in [*(row.line() for row in rows), *(each.line() for each in refusals)]:
        print(line)
    print(f"requests: {asked} asked across codecs, {answered} answered, p50 {p50:.0f} us")
    print("killed sensor: " + ("its #disconnect was NOT seen" if seen is None else f"missed after {seen:.0f} ms"))
    arrived = all(row.delivered and not row.lost and row.in_order for row in rows)
    good = arrived and asked == answered and seen is not None
    print("everything arrived" if good else "NOT everything arrived")
    good = good and all(each.why for each in refusals)
    return 0 if good else 1
