"""How gunicorn serves the site: ``gunicorn -c python:spectradb.serve spectradb.wsgi``.

What is stated on its command line or in ``GUNICORN_CMD_ARGS`` wins.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")

bind = "127.0.0.1:8000"
workers = (os.cpu_count() or 1) + 1
timeout = 60  # s: a request reads files for ten at most
max_requests, max_requests_jitter = 20_000, 2_000  # what a library leaks goes with its process
# Workers are forked from a process that has everything loaded: one starts at once, and memory is
# shared. The application is loaded before `when_ready` and starts no thread: a fork loses those.
preload_app = True
os.environ["SPECTRADB_LOADED_BEFORE_FORK"] = "1"


def on_starting(server: Any) -> None:
    """Metrics of the processes before this start are no longer counted."""
    folder = _metrics()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.db"):
            path.unlink(missing_ok=True)


def when_ready(server: Any) -> None:
    """Connections wait meanwhile: seconds, or half a minute where the kernels were not compiled."""
    from django.db import connections

    from spectradb.warm import load

    load()
    connections.close_all()  # no two processes have one
    gc.freeze()  # pages of memory that the collector does not write to stay shared


def child_exit(server: Any, worker: Any) -> None:
    """What a worker counted stays, what it was at that moment goes."""
    if _metrics() is not None:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def _metrics() -> Path | None:
    from django.conf import settings

    return Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) if settings.METRICS_TOKEN else None
