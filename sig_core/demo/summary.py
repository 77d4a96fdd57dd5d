"""The demo's last words: a table, and whether everything arrived."""

from __future__ import annotations

from dataclasses import dataclass

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


def verdict(rows: list[Row], asked: int, answered: int, p50: float, seen: float | None) -> int:
    """Print the table; 0 if everything arrived, else 1.

    Args:
        asked, answered: requests.
        p50: median latency of a request, microseconds.
        seen: milliseconds from the kill to its `#disconnect` at the listener; None: it was not seen.
    """
    print(f"\n{'sender':<9}{'carrier':<9}{'codec':<9}{'fired':>8}{'delivered':>11}{'lost':>6}")
    for row in rows:
        print(row.line())
    print(f"requests: {asked} asked across codecs, {answered} answered, p50 {p50:.0f} us")
    print("killed sensor: " + ("its #disconnect was NOT seen" if seen is None else f"missed after {seen:.0f} ms"))
    arrived = all(row.delivered and not row.lost and row.in_order for row in rows)
    good = arrived and asked == answered and seen is not None
    print("everything arrived" if good else "NOT everything arrived")
    return 0 if good else 1
