"""A site under gunicorn, as it is deployed, in a folder of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 300.0  # s


@contextmanager
def served(
    folder: Path, *options: str, environment: dict[str, str] | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Address and process, once it answers, with these options of gunicorn's command line."""
    own = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"} | {
        "SPECTRADB_VAR": str(folder),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        **(environment or {}),
    }
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=own, check=True, timeout=PATIENCE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "python:spectradb.serve", "--timeout", "300",
         *options, "-b", at, "spectradb.wsgi"],
        cwd=ROOT, env=own, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + PATIENCE
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://{at}/healthz", timeout=10)
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.3)
        yield f"http://{at}", process
    finally:
        process.terminate()
        process.wait(60)


def children(pid: int) -> dict[int, str]:
    """Processes that this one has started: their command lines."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(one): Path(f"/proc/{one}/cmdline").read_text() for one in listed}


def workers(process: subprocess.Popen[bytes]) -> set[int]:
    """Those that answer; beside them there is the one that forks readers of files."""
    return {pid for pid, line in children(process.pid).items() if "isolation" not in line}
