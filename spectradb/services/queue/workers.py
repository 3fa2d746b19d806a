"""Which process has a job, and whether that process still lives."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from django.db import InterfaceError, OperationalError, connections
from django.db.models import QuerySet
from django.utils import timezone

BEAT_SECONDS = 15.0
SILENT_AFTER = timedelta(seconds=90)
"""A worker on another host that has not beaten for so long is taken for dead."""
SILENT_HERE = timedelta(minutes=15)
"""One on this host that lives, but has left its job: the database was away when it ended."""
_BOOT, _TABLE = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")


def identity() -> str:
    """``host:pid:start@machine`` of this process; the start time tells a reused pid apart."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_started(pid)}@{_machine()}"


def is_alive(worker: str, last_sign: datetime | None, now: datetime) -> bool:
    """Whether the process that signed so is still there and has not left its job.

    On this host the process table knows; of another host only its last heartbeat tells.
    """
    host, pid, start = worker.rsplit(":", 2) if worker.count(":") >= 2 else ("", "", "")
    started, _, machine = start.partition("@")
    if (host, machine) == (socket.gethostname(), _machine()) and pid.isdecimal():
        silent = last_sign is not None and now - last_sign > SILENT_HERE
        return not silent and _exists(int(pid)) and _started(int(pid)) == started
    return last_sign is not None and now - last_sign < SILENT_AFTER


@cache
def _machine() -> str:
    """What tells the process table of this host from that of another with the same name."""
    try:
        table = f"{_BOOT.read_text()} {_TABLE.readlink()}"
    except OSError:  # no /proc
        return ""
    return hashlib.sha256(table.encode()).hexdigest()[:8]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) != "Z"


def _stat(pid: int) -> list[str]:
    """Fields of ``/proc/pid/stat`` after the command's name; none where there is no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str:
    return next(iter(_stat(pid)), "")


def _started(pid: int) -> str:
    """Start of the process in clock ticks since boot; ``0`` where that cannot be had."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else "0"


class Heartbeat:
    """While jobs run, sign their rows now and then from a thread of its own.

    Short jobs end before the first beat and pay for the thread alone.
    """

    def __init__(self, rows: QuerySet[Any], seconds: float = BEAT_SECONDS) -> None:
        self._rows = rows
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="beat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._stop.wait(self._seconds):
                try:
                    self._rows.update(heartbeat=timezone.now())
                except (OperationalError, InterfaceError):
                    # A busy database, or one out of reach: the next beat is soon enough, and goes
                    # over a new connection.
                    connections.close_all()
        finally:
            connections.close_all()
