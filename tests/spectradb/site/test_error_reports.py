"""Faults are told with where they happened and nothing that a person sent."""

from __future__ import annotations

import gzip
import http.server
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail
from django.test import Client

from spectradb.error_reports import ErrorMail
from spectradb.models import JobStatus, MatchRun, Upload
from spectradb.services.queue import jobs
from spectradb.views.site import pages

ROOT = Path(__file__).resolve().parents[3]
SECRETS = ("anna@example.org", "hunter2", "unpublished", "uploaded")


@pytest.fixture
def mailed(settings: LazySettings) -> Iterator[None]:
    settings.ADMINS = [("", "operator@example.org")]
    handler = ErrorMail(logging.ERROR)
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)


def _broken(request: Any) -> Any:
    raise KeyError(request.GET["q"], request.COOKIES)


@pytest.mark.django_db
def test_a_fault_of_a_page_is_mailed_once_without_what_was_sent(
    mailed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "render", lambda request, *arguments: _broken(request))
    client = Client(raise_request_exception=False)
    client.cookies["note"] = "hunter2"
    for _ in range(2):
        assert client.get("/cite/?q=uploaded").status_code == 500
    [message] = mail.outbox
    assert message.subject == "[SpectraDB] ERROR: KeyError"
    assert message.to == ["operator@example.org"]
    assert "route: GET cite/" in message.body
    assert "in _broken" in message.body
    assert not [word for word in SECRETS if word in message.body + message.subject]


@pytest.mark.django_db
def test_what_a_read_only_site_refuses_is_no_fault(mailed: None, settings: LazySettings) -> None:
    settings.READ_ONLY = True
    assert Client().post("/login/").status_code == 503
    assert not mail.outbox


@pytest.mark.django_db
def test_a_job_that_fails_by_a_fault_of_ours_is_mailed_and_a_bad_input_is_not(
    mailed: None,
) -> None:
    class Bad(Exception):
        cause = "Input not usable"

    def work(error: Exception) -> Any:
        def broken(row: Any) -> None:
            raise error

        return broken

    for error in (Bad("uploaded"), ZeroDivisionError("unpublished")):
        upload = Upload.objects.create(name="a", n_bytes=1, data=b"1")
        row = MatchRun.objects.create(upload=upload, options={})
        assert not jobs.run(MatchRun, row.pk, work(error), lambda row, result: None)
        row.refresh_from_db()
        assert row.job_status == JobStatus.FAILED
    [message] = mail.outbox
    assert message.subject.endswith("ERROR: ZeroDivisionError")
    assert "unpublished" not in message.body


class _Sentry(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted."""

    got: list[bytes] = []  # noqa: RUF012

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers.get("Content-Encoding") == "gzip"
        self.got.append(gzip.decompress(data) if packed else data)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *words: Any) -> None:
        pass


@pytest.mark.slow
def test_what_goes_to_sentry_has_no_values_and_no_messages() -> None:
    pytest.importorskip("sentry_sdk", reason="requirements-operate.txt")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Sentry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code = """
import django; django.setup()
import sentry_sdk
from django.test import Client
from spectradb.views.site import pages
def broken(request, *arguments):
    password = "hunter2"
    raise KeyError("unpublished of anna@example.org")
pages.render = broken
answer = Client(raise_request_exception=False).get("/cite/?q=uploaded", {"q": "uploaded"})
assert answer.status_code == 500
sentry_sdk.flush(10)
"""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "SENTRY_DSN": f"http://key@127.0.0.1:{server.server_port}/1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    environment.pop("SPECTRADB_VAR", None)
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=True, timeout=300)
    server.shutdown()
    [sent] = [one for one in _Sentry.got if b'"exception"' in one]
    event = json.loads(sent.splitlines()[2])
    [error] = event["exception"]["values"]
    assert (error["type"], error.get("value")) == ("KeyError", None)
    assert error["stacktrace"]["frames"][-1]["function"] == "broken"
    assert not {"request", "user", "breadcrumbs", "extra", "server_name"} & event.keys()
    lines = b"\n".join(
        line for line in sent.splitlines() if b"context_line" not in line
    )  # the code itself may be told
    assert not [word for word in SECRETS if word.encode() in lines]
    frames = json.dumps([{**f, "context_line": ""} for f in error["stacktrace"]["frames"]])
    assert not [word for word in SECRETS if word in frames]
