"""Metrics: for who has the token, added up over the processes of a host."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from spectradb.models import Export
from spectradb.services.queue.depth import depth
from tests.spectradb.site.gunicorn import PATIENCE, served, workers


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
def site(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Three processes with metrics."""
    pytest.importorskip("django_prometheus", reason="requirements-operate.txt")
    with served(tmp_path, "--workers", "3", environment={"METRICS_TOKEN": "secret"}) as found:
        yield found


def _metrics(address: str) -> str:
    asked = urllib.request.Request(f"{address}/metrics", headers={"Authorization": "Bearer secret"})
    with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
        return str(answer.read().decode())


def _cited(text: str) -> float:
    name = "django_http_requests_total_by_view_transport_method_total"
    [found] = re.findall(rf'^{name}\{{[^}}]*view="cite"[^}}]*\}} (\S+)', text, re.MULTILINE)
    return float(found)


@pytest.mark.slow
def test_requests_of_all_processes_are_added_up_and_stay_when_one_dies(
    site: tuple[str, subprocess.Popen[bytes]],
) -> None:
    address, process = site
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{address}/metrics", timeout=PATIENCE)
    for _ in range(30):
        urllib.request.urlopen(f"{address}/cite/", timeout=PATIENCE).read()
    assert {_cited(_metrics(address)) for _ in range(6)} == {30.0}
    os.kill(min(workers(process)), signal.SIGKILL)
    urllib.request.urlopen(f"{address}/cite/", timeout=PATIENCE).read()
    text = _metrics(address)
    assert _cited(text) == 31.0
    assert re.search(
        r'^spectradb_jobs\{kind="Calculation",status="queued"\} 0.0', text, re.MULTILINE
    )
    assert re.search(r"^spectradb_queue_messages 0.0", text, re.MULTILINE)
