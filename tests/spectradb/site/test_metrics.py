"""Metrics: for who has the token, added up over the processes of a host."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from spectradb.models import Export
from spectradb.services.queue.depth import depth

ROOT = Path(__file__).resolve().parents[3]
_PATIENCE = 300.0  # s


@pytest.mark.django_db
def test_jobs_are_counted_by_kind_and_state() -> None:
    Export.objects.create(query={}, format="csv")
    found = depth()
    assert found.jobs["Export", "queued"] == 1
    assert found.jobs["Calculation", "failed"] == 0
    assert found.waiting_seconds["Export"] >= 0
    assert found.messages == 0


@pytest.mark.django_db
def test_there_are_none_without_a_token_and_none_for_who_does_not_know_it(
    settings: LazySettings,
) -> None:
    assert Client().get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "secret"
    assert Client().get("/metrics").status_code == 401
    wrong = Client().get("/metrics", headers={"Authorization": "Bearer secreT"})
    assert wrong.status_code == 401


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Three processes with metrics."""
    pytest.importorskip("django_prometheus", reason="requirements-operate.txt")
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"} | {
        "SPECTRADB_VAR": str(tmp_path),
        "METRICS_TOKEN": "secret",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=_PATIENCE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "python:spectradb.serve", "--workers", "3",
         "--timeout", "300", "-b", at, "spectradb.wsgi"],
        cwd=ROOT, env=environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + _PATIENCE
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


def _metrics(address: str) -> str:
    asked = urllib.request.Request(f"{address}/metrics", headers={"Authorization": "Bearer secret"})
    with urllib.request.urlopen(asked, timeout=_PATIENCE) as answer:
        return str(answer.read().decode())


def _cited(text: str) -> float:
    name = "django_http_requests_total_by_view_transport_method_total"
    [found] = re.findall(rf'^{name}\{{[^}}]*view="cite"[^}}]*\}} (\S+)', text, re.MULTILINE)
    return float(found)


@pytest.mark.slow
def test_requests_of_all_processes_are_added_up_and_stay_when_one_dies(
    served: tuple[str, subprocess.Popen[bytes]],
) -> None:
    address, process = served
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{address}/metrics", timeout=_PATIENCE)
    pids: set[Any] = set()
    for _ in range(30):
        urllib.request.urlopen(f"{address}/cite/", timeout=_PATIENCE).read()
    assert {_cited(_metrics(address)) for _ in range(6)} == {30.0}
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    pids = {int(pid) for pid in children}
    os.kill(min(pids), signal.SIGKILL)
    urllib.request.urlopen(f"{address}/cite/", timeout=_PATIENCE).read()
    text = _metrics(address)
    assert _cited(text) == 31.0
    assert re.search(
        r'^spectradb_jobs\{kind="Calculation",status="queued"\} 0.0', text, re.MULTILINE
    )
    assert re.search(r"^spectradb_queue_messages 0.0", text, re.MULTILINE)
