"""A cluster of queue workers beside a command, ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from django.conf import settings

THREAD_SETTINGS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip
_GRACE_SECONDS = 30


@contextmanager
def workers() -> Iterator[subprocess.Popen[bytes]]:
    """``manage.py qcluster`` as a child in a process group of its own, one thread a worker.

    Whoever of the group is left when the block ends is ended with it, also when the head of the
    cluster was killed before.

    A terminal that closes (SIGHUP) or a service that is stopped (SIGTERM) would leave the workers
    behind, so both become an ordinary exit here.
    """
    environment = os.environ | dict.fromkeys(THREAD_SETTINGS, "1")
    here = [str(settings.BASE_DIR), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(here)
    cluster = subprocess.Popen(
        [sys.executable, "-m", "spectradb", "qcluster"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    ends = [signal.SIGTERM, signal.SIGHUP]
    before = {one: signal.signal(one, _leave) for one in ends}
    try:
        yield cluster
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        cluster.terminate()
        with suppress(subprocess.TimeoutExpired):
            cluster.wait(timeout=_GRACE_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(cluster.pid, signal.SIGKILL)
        cluster.wait()


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
