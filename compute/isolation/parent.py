"""The side that asks: keeps children ready, sends them calls, tells what became of them."""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from compute.errors import ComputeError, ReadError
from compute.isolation import server
from compute.isolation.budget import ALLOWANCE, Allowance, is_trusted, seconds_left, uncounted
from compute.isolation.inherited import without_secrets
from compute.isolation.wire import answer_of, receive, send

P = ParamSpec("P")
T = TypeVar("T")
_AT_ONCE = 4  # children at work for one process
_IDLE = 2  # kept ready
_READY_SECONDS = 300.0  # for the libraries to load on a busy machine
_LEAST_SECONDS = 0.3  # left in a request; less is not worth a start
_WARM = {
    "compute.io": "compute.io.warm",
    "compute.structures": "compute.structures.warm",
    "compute.sites": "compute.structures.warm",
    "compute.series": "compute.series.warm",
}
"""By package of a function: the module whose ``warm()`` loads what it needs."""
_READY = ("compute.io", "compute.structures")  # of what a page waits for
_SERVER = "from compute.isolation.server import main; main()"
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class StoppedError(ReadError):
    """Reading that took too much time or memory, or ended its process."""

    cause = "Costs too much to read"


@dataclass
class _Pool:
    """A fork server, and those of its children that wait for this process.

    Whoever is forked from the process that started it asks the same server, for children of its
    own: loading the libraries is what takes seconds.
    """

    process: subprocess.Popen[bytes]
    control: socket.socket
    idle: dict[str, list[socket.socket]]
    started_by: int
    asked_by: int


_lock = threading.Lock()
_places = threading.BoundedSemaphore(_AT_ONCE)
_pool: _Pool | None = None


def apart(
    function: Callable[P, T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """``function(*args, **kwargs)`` in a child with limits; here in a child, or of trusted files.

    Function and arguments are pickled, and what it returns and raises comes back.

    Raises
    ------
    StoppedError
        If it needs more than its allowance, ends its process, or fails in an unforeseen way.
    ComputeError
        What the function raises.
    """
    return apart_within(ALLOWANCE, function, *args, **kwargs)


def apart_within(
    allowance: Allowance, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """The same with an allowance of its own, such as for a long job; its child serves once.

    Raises
    ------
    StoppedError, ComputeError
        As :func:`apart`.
    """
    if server.is_child() or is_trusted() or not hasattr(os, "fork"):
        return function(*args, **kwargs)
    package = ".".join(function.__module__.split(".")[:2])
    call = pickle.dumps((function, args, kwargs), protocol=5)
    return _ask(call, _WARM.get(package, _WARM["compute.io"]), allowance)


def start() -> None:
    """Make children ready: the first call then waits for nothing."""
    if not server.is_child() and hasattr(os, "fork"):
        for warm in dict.fromkeys(_WARM[package] for package in _READY):
            _keep(_line(warm), warm)


def _ask(call: bytes, warm: str, allowance: Allowance) -> T:  # type: ignore[type-var]  # what the child says
    cpu = allowance.cpu(len(call))
    wall = min(cpu * allowance.wall_factor, seconds_left())
    if wall < _LEAST_SECONDS:
        raise StoppedError(
            ["not read: the files before it took the time of this request; send it by itself"],
            permanent=False,
        )
    if not _places.acquire(timeout=wall):
        raise StoppedError(["not read: other files are being read; try again"], permanent=False)
    try:
        return _asked(call, warm, cpu, wall, allowance)  # type: ignore[return-value]
    finally:
        _places.release()


def _asked(call: bytes, warm: str, cpu: float, wall: float, allowance: Allowance) -> object:
    with uncounted():  # libraries that load are no file's fault
        line = _line(warm)
    began = time.monotonic()
    line.settimeout(wall + 1.0)  # the child ends itself before
    try:
        send(line, pickle.dumps((cpu, wall, allowance), protocol=5))
        send(line, call)
        data = receive(line, allowance.answer_bytes)
        outcome, value, last = answer_of(data) if data else ("died", None, True)
    except (OSError, ValueError, pickle.UnpicklingError):
        outcome, value, last = "died", None, True
    if last or allowance is not ALLOWANCE:  # its limit of memory holds for good
        line.close()
    else:
        _keep(line, warm)
    if outcome == "returned":
        return value
    if outcome == "raised" and isinstance(value, ComputeError):
        raise value
    if outcome == "refused":
        raise StoppedError([str(value)])
    if time.monotonic() - began > 0.8 * min(cpu, wall):
        raise StoppedError(
            [f"reading was stopped after {min(cpu, wall):.2g} s: the file is broken or too large"]
        )
    raise StoppedError(["the file ended the process that read it: it is broken"])


def _line(warm: str) -> socket.socket:
    """A connection to a child that waits, or to a new one once it is ready."""
    with _lock:
        pool = _started()
        waiting = pool.idle.get(warm, [])
        while waiting:
            line = waiting.pop()
            if _alive(line):
                return line
            line.close()
        try:
            line = _forked(pool, warm)
        except OSError:  # the fork server is dead: once more with another
            _close()
            line = _forked(_started(), warm)
    line.settimeout(_READY_SECONDS)
    try:
        if receive(line, 100) == server.READY:
            return line
    except OSError:
        pass
    line.close()
    raise StoppedError(["files cannot be read at the moment; try again"], permanent=False)


def _alive(line: socket.socket) -> bool:
    """Whether the child that waits at the other end is still there."""
    line.setblocking(False)
    try:
        return line.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _forked(pool: _Pool, warm: str) -> socket.socket:
    mine, theirs = socket.socketpair()
    try:
        socket.send_fds(pool.control, [server.order(warm)], [theirs.fileno()])
    except OSError:
        mine.close()
        raise
    finally:
        theirs.close()
    return mine


def _started() -> _Pool:
    global _pool
    here = os.getpid()
    if _pool is not None and _pool.asked_by != here:
        _pool = replace(_pool, idle={}, asked_by=here)
    # Only who started a process can ask whether it has ended; others find its socket closed.
    if _pool is not None and _pool.started_by == here and _pool.process.poll() is not None:
        _close()
    if _pool is None:
        mine, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVER, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env={
                **without_secrets(os.environ),
                **dict.fromkeys(_ONE_THREAD, "1"),
                "PYTHONPATH": os.pathsep.join(paths),
            },
        )
        theirs.close()
        _pool = _Pool(process, mine, {}, started_by=here, asked_by=here)
    return _pool


def _keep(line: socket.socket, warm: str) -> None:
    with _lock:
        if _pool is not None and _pool.asked_by == os.getpid():
            waiting = _pool.idle.setdefault(warm, [])
            if len(waiting) < _IDLE:
                waiting.append(line)
                return
    line.close()


def _close() -> None:
    """Let go of the fork server: it ends with the last connection to it."""
    global _pool
    pool, _pool = _pool, None
    if pool is None:
        return
    for line in (pool.control, *(line for lines in pool.idle.values() for line in lines)):
        line.close()
    if pool.started_by == os.getpid():
        with contextlib.suppress(subprocess.TimeoutExpired):
            pool.process.wait(timeout=1.0)


atexit.register(_close)
