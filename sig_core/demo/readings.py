"""What the sensors measure: figures of this machine."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["READINGS", "disk", "load", "memory", "network", "uptime"]


def disk() -> dict[str, Any]:
    """Usage of the root file system: bytes used, and percent (0 .. 100)."""
    usage = shutil.disk_usage("/")
    return {"used": usage.used, "percent": round(100 * usage.used / usage.total, 3)}


def load() -> dict[str, Any]:
    """Runnable processes on average over the last 1, 5 and 15 minutes, and processor seconds of this process."""
    one, five, fifteen = os.getloadavg()
    return {"1": one, "5": five, "15": fifteen, "own": round(time.process_time(), 3)}


def memory() -> dict[str, Any]:
    """Memory: KiB in all, and available."""
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return {name: int(fields[key].split()[0]) for name, key in (("total", "MemTotal"), ("free", "MemAvailable"))}


def network() -> dict[str, Any]:
    """Bytes received and sent by all interfaces since boot."""
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    counters = [line.split(":", 1)[1].split() for line in lines]
    return {"received": sum(int(row[0]) for row in counters), "sent": sum(int(row[8]) for row in counters)}


def uptime() -> dict[str, Any]:
    """Seconds since boot."""
    return {"seconds": float(Path("/proc/uptime").read_text().split()[0])}


READINGS: dict[str, Callable[[], dict[str, Any]]] = {
    "disk": disk,
    "load": load,
    "memory": memory,
    "network": network,
    "uptime": uptime,
}
