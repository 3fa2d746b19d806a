"""What machines and operators ask: health, logs, the first account, headers."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.test import Client

from spectradb.logs import REQUEST_ID, JsonLines, WithRequest
from spectradb.services.accounts.roles import may_curate
from spectradb.views.site import health

pytestmark = pytest.mark.django_db


def test_alive_asks_nothing_and_ready_tells_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(health, "_migrated", lambda: True)
    with django_assert_num_queries(0):
        assert Client().get("/healthz").json() == {"status": "ok"}
    assert Client().get("/readyz").status_code == 200
    settings.VAR_DIR = "/nowhere"
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["folder"]) == (503, False)

    class Away:
        def cursor(self) -> None:
            raise DatabaseError("connection refused")

    monkeypatch.setattr(health, "connection", Away())
    assert Client().get("/readyz").json()["checks"]["database"] is False


def test_crawlers_and_browsers_find_what_they_look_for() -> None:
    lines = Client().get("/robots.txt").content.decode().split("\n")
    own = ("admin", "bring", "file", "crystal", "shared", "compare")
    assert {f"Disallow: /{name}/" for name in own} < set(lines)
    assert "Sitemap: http://testserver/sitemap.xml" in lines
    assert Client().get("/favicon.ico")["Location"].endswith("icon.svg")


def test_every_line_of_the_log_names_its_request(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "spectradb.request"):
        answer = Client().get("/cite/?q=private")
    number = answer["X-Request-ID"]
    assert len(number) == 32
    [record] = [one for one in caplog.records if one.name == "spectradb.request"]
    token = REQUEST_ID.set(number)
    WithRequest().filter(record)
    REQUEST_ID.reset(token)
    line = json.loads(JsonLines().format(record))
    assert (line["request_id"], line["path"], line["status"]) == (number, "/cite/", 200)
    assert "private" not in json.dumps(line)


@pytest.mark.parametrize(("trusted", "kept"), [(["127.0.0.1"], True), ([], False)])
def test_the_number_of_a_request_is_taken_from_our_own_proxy(
    trusted: list[str], kept: bool, settings: LazySettings
) -> None:
    settings.TRUSTED_PROXIES = trusted
    answer = Client().get("/healthz", HTTP_X_REQUEST_ID="abcdef0123456789")
    assert (answer["X-Request-ID"] == "abcdef0123456789") == kept


def test_the_first_account_is_made_by_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("1234\n"))
    with pytest.raises(CommandError, match="too common"):
        call_command("create_curator", "anna", "--password-stdin", stderr=io.StringIO())
    assert not get_user_model().objects.exists()
    monkeypatch.setattr("sys.stdin", io.StringIO("a long word 7\n"))
    call_command("create_curator", "anna", "--password-stdin", stderr=io.StringIO())
    anna = get_user_model().objects.get()
    assert (may_curate(anna), anna.is_superuser) == (True, False)
    call_command("create_curator", "anna", "--administrator", stderr=io.StringIO())
    anna.refresh_from_db()
    assert anna.is_superuser
    assert anna.check_password("a long word 7")


def _settings(tmp_path: Path, names: str, **environment: str) -> str:
    code = f"from spectradb import settings as s; print([getattr(s, n) for n in {names.split()}])"
    given = os.environ | {"SPECTRADB_VAR": str(tmp_path)} | environment
    answer = subprocess.run(
        [sys.executable, "-c", code], env=given, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or answer.stderr.strip().splitlines()[-1]


def test_https_trusts_no_header_and_asks_for_no_preload_unless_told(tmp_path: Path) -> None:
    names = "SECURE_HSTS_PRELOAD SECURE_PROXY_SSL_HEADER"
    assert _settings(tmp_path, names, PUBLIC_HTTPS="1") == "[False, None]"
    told = _settings(
        tmp_path, names, PUBLIC_HTTPS="1", HSTS_PRELOAD="1", TRUSTED_PROXIES="10.0.0.0/8"
    )
    assert told == "[True, ('HTTP_X_FORWARDED_PROTO', 'https')]"
    assert "TRUSTED_PROXIES" in _settings(tmp_path, names, TRUSTED_PROXIES="nonsense")
