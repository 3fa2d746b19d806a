"""django-q's cluster, made to outlive processes that are killed.

Its queues are guarded by semaphores. A worker that waits for work holds the one of the task queue;
when it is killed (SIGKILL, the kernel's out-of-memory killer) the semaphore stays taken: the
worker that replaces it waits for ever, and so does the whole cluster. Here the same queues are
guarded by file locks, which the kernel gives back when their holder dies. And whoever of the
cluster loses its parent ends, so that a head killed alone leaves no workers behind.

django-q offers no hook for any of this, so :data:`OVERWRITTEN` names the private attributes that
are replaced; ``tests/spectradb/queue/test_qcluster.py`` fails on a release that it was not tried
with.
"""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing import Value, util
from pathlib import Path
from types import TracebackType
from typing import Any

from django_q import cluster
from django_q.queues import Queue

TRIED_WITH = "1.11.1"
OVERWRITTEN = (
    "django_q.cluster.Sentinel",
    "django_q.cluster.Sentinel.start",
    "django_q.cluster.Sentinel.spawn_worker",
    "django_q.cluster.Sentinel.spawn_process",
    "django_q.cluster.worker",
    "django_q.queues.Queue._rlock",
    "django_q.queues.Queue._wlock",
    "django_q.queues.Queue.size.count",
)
"""What of django-q, of no public interface, is replaced or relied on here."""

_TRY_SECONDS = 0.01
_LOOK_SECONDS = 2.0  # how often a process looks whether its parent still lives


class KernelLock:
    """A lock between a process and those it forks, free again when its holder dies.

    Re-entrant within a process; one thread of each process may use it. ``flock`` on a file that
    each process opens for itself (its maker's end stays open for them): POSIX record locks would
    see deadlocks where two threads of a process hold one and wait for another.
    """

    def __init__(self) -> None:
        self._file, self._path = tempfile.mkstemp(prefix="spectradb-queue-")
        self._process, self._depth = os.getpid(), 0
        inherited = f"/proc/self/fd/{self._file}"
        if Path(inherited).exists():
            # Without a name nobody sweeps it from the temporary folder while workers are to come.
            Path(self._path).unlink()
            self._path = inherited
        else:
            util.Finalize(self, os.unlink, (self._path,), exitpriority=0)
        util.Finalize(self, os.close, (self._file,), exitpriority=0)

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take it; ``timeout`` in seconds, None for ever. Whether it was had."""
        if self._process != os.getpid():
            self._process, self._depth = os.getpid(), 0
            self._file = os.open(self._path, os.O_RDWR)
        if self._depth == 0 and not self._take(block, timeout):
            return False
        self._depth += 1
        return True

    def _take(self, block: bool, timeout: float | None) -> bool:
        if block and timeout is None:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            return True
        end = time.monotonic() + (timeout or 0.0 if block else 0.0)
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    return False
                time.sleep(_TRY_SECONDS)
            else:
                return True

    def release(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def sturdy(queue: Queue) -> None:
    """Give a queue locks that die with their holders, before any process is forked."""
    queue._rlock = KernelLock()
    queue._wlock = KernelLock()
    queue.size.count = _shared_number("i", 0)


def _shared_number(kind: str, start: float) -> Any:
    """A ``multiprocessing.Value`` behind a lock of ours."""
    lock: Any = KernelLock()
    return Value(kind, start, lock=lock)


class Sentinel(cluster.Sentinel):  # type: ignore[misc]
    """The head of the workers, with sturdy queues and timers."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options, start=False)
        end_with_parent(self.stop_event.set)
        os.register_at_fork(after_in_child=lambda: end_with_parent(_end_at_once))
        sturdy(self.task_queue)
        sturdy(self.result_queue)
        self.start()

    def spawn_worker(self) -> None:
        timer = _shared_number("f", -1)
        self.spawn_process(cluster.worker, self.task_queue, self.result_queue, timer, self.timeout)


def install() -> None:
    """Make django-q start this head instead of its own."""
    cluster.Sentinel = Sentinel


def _end_at_once() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def end_with_parent(end: Callable[[], None]) -> None:
    """Call ``end`` once the process that forked this one is gone."""
    parent = os.getppid()

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        end()

    threading.Thread(target=look, name="look after the parent", daemon=True).start()
