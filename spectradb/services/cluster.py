"""A cluster of queue workers beside a command, ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

_THREAD_SETTINGS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip
_GRACE_SECONDS = 30


@contextmanager
def workers() -> Iterator[subprocess.Popen[bytes]]:
    """``manage.py qcluster`` as a child, one thread a worker."""
    environment = os.environ | dict.fromkeys(_THREAD_SETTINGS, "1")
    manage = settings.BASE_DIR / "manage.py"
    cluster = subprocess.Popen(
        [sys.executable, str(manage), "qcluster"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield cluster
    finally:
        cluster.terminate()
        try:
            cluster.wait(timeout=_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            cluster.kill()
