"""The side that works: a fork server with the libraries loaded, and the children it forks.

A child ends itself: the kernel's timers kill it wherever it is, in C too, and it cannot have more
memory than it is allowed. What is started once costs a fork from then on.
"""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import resource
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

from compute.errors import ComputeError
from compute.isolation.wire import receive, send

_CALLS = 200  # of one child, then another is forked
_ORDER = 4096
READY = b"ready"
_state = {"child": False}


def is_child() -> bool:
    """Whether this process is one that may be killed."""
    return _state["child"]


def order(warm: str) -> bytes:
    """The message that asks for a child for which ``warm()`` of this module was called."""
    return warm.encode()


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asked
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for children
    warmed: set[str] = set()
    while True:
        message, lines, *_ = socket.recv_fds(control, _ORDER, 1)
        if not message:
            return
        name = message.decode()
        if name not in warmed:
            importlib.import_module(name).warm()
            warmed.add(name)
            gc.freeze()
        if os.fork() == 0:
            control.close()
            _serve(socket.socket(fileno=lines[0]))
            os._exit(0)
        os.close(lines[0])


def _serve(line: socket.socket) -> None:
    """Answer call after call until the other side is gone."""
    _state["child"] = True
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    send(line, READY)
    for number in range(_CALLS):
        terms = receive(line, 2**20)
        if not terms:
            return
        cpu, wall, allowance = pickle.loads(terms)  # from whoever started this process
        call = receive(line, sys.maxsize)
        if number == 0:
            _limit_memory(len(call) + allowance.memory_bytes)
        signal.setitimer(signal.ITIMER_PROF, cpu)
        signal.setitimer(signal.ITIMER_REAL, wall)
        outcome, value = _outcome(call, allowance.memory_bytes)
        answer = _packed(outcome, value, allowance.answer_bytes, last=number == _CALLS - 1)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        send(line, answer)
        del call, value, answer


def _outcome(call: bytes, memory: int) -> tuple[str, Any]:
    try:
        function, args, kwargs = pickle.loads(call)  # from whoever started this process
        return "returned", function(*args, **kwargs)
    except ComputeError as error:
        return "raised", error
    except MemoryError:
        return "refused", f"reading needs more than {memory / 2**20:.0f} MiB of memory"
    except RecursionError:
        return "refused", "it is nested too deeply to be read"
    # Whatever a reader did not foresee: one file must not end the batch that it is part of.
    except Exception as error:
        traceback.print_exc()
        told = " ".join(str(error).split())[:300]
        text = "the reader failed on this file, which is a fault of ours"
        return "refused", f"{text}: {type(error).__name__}: {told}"


def _packed(outcome: str, value: Any, limit: int, *, last: bool) -> bytes:
    try:
        answer = pickle.dumps((outcome, value, last), protocol=5)
    except MemoryError:
        answer = b""
    if not answer or len(answer) > limit:
        told = f"it holds more than {limit / 2**20:.0f} MiB of numbers; split it"
        return pickle.dumps(("refused", told, True), protocol=5)
    return answer


def _limit_memory(beyond: int) -> None:
    """Of this process, beyond what its libraries take."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + beyond
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
