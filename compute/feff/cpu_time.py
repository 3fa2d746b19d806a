"""How long a process and those that it started have computed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_FIRST, _LAST = 11, 15  # utime, stime, cutime, cstime of proc(5), counted behind the name


def cpu_seconds(pid: int) -> float | None:
    """CPU time of a process, of its children that run and of those that it has waited for.

    Returns
    -------
    float or None
        None where the system does not tell (only Linux does), or the process is gone.
    """
    place = Path(f"/proc/{pid}")
    try:
        fields = (place / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except OSError:
        return None
    total = sum(map(int, fields.split()[_FIRST:_LAST])) / os.sysconf("SC_CLK_TCK")
    children: list[str] = []
    with suppress(OSError):
        for task in (place / "task").iterdir():
            children += (task / "children").read_text(encoding="utf-8").split()
    return total + sum(cpu_seconds(int(child)) or 0.0 for child in children)
