"""A site that only shows: from a folder that nobody may write to, by a server of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from spectradb import read_only
from spectradb.models import ApiKey
from tests.factories import make_user

ROOT = Path(__file__).resolve().parents[3]
_PATIENCE = 300.0  # s


@pytest.fixture
def shown(settings: LazySettings) -> None:
    settings.READ_ONLY = True


@pytest.mark.django_db
def test_writes_are_refused_in_words_and_reading_goes_on(shown: None) -> None:
    client = Client()
    page = client.post("/login/", {"username": "a", "password": "b"})
    assert (page.status_code, page["Retry-After"]) == (503, "3600")
    assert "only shows" in page.content.decode()
    answer = client.post("/api/v1/match/")
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/json")
    assert "only shows" in answer.json()["detail"]
    assert client.get("/cite/").status_code == 200
    assert client.post("/theme/", {"theme": "dark", "next": "/"}).status_code == 302


@pytest.mark.django_db
def test_keys_work_without_a_note_of_their_use(shown: None) -> None:
    _, text = ApiKey.issue(make_user("anna"), "script")
    answer = Client().get("/api/v1/keys/", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 200
    assert ApiKey.objects.get().last_used is None


def test_a_page_that_would_write_is_told_so_and_other_faults_are_not(
    shown: None, settings: LazySettings
) -> None:
    layer = read_only.ReadOnly(lambda request: HttpResponse())
    request = RequestFactory().get("/api/v1/spectra/")
    refused = OperationalError("attempt to write a readonly database")
    assert layer.process_exception(request, refused).status_code == 503
    assert layer.process_exception(request, OperationalError("no such table")) is None
    assert layer.process_exception(request, ValueError()) is None
    settings.READ_ONLY = False
    assert layer.process_exception(request, refused) is None


_READ_ONLY = """
mount --bind "$SPECTRADB_VAR" "$SPECTRADB_VAR"
mount -o remount,ro,bind "$SPECTRADB_VAR"
exec "$0" -m gunicorn spectradb.wsgi --timeout 300 -b "$1"
"""


@pytest.fixture
def read_only_site(tmp_path: Path) -> Iterator[str]:
    """The address of a server whose folder is on a disk that is mounted read-only."""
    alone = ["unshare", "--mount", "sh", "-e", "-c"]
    if subprocess.run([*alone, "mount --bind /tmp /tmp"], capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    var = tmp_path / "var"
    base = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    base |= {"SPECTRADB_VAR": str(var)}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT, env=base, check=True, timeout=_PATIENCE,
    )  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{free.getsockname()[1]}"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*alone, _READ_ONLY, sys.executable, at],
            cwd=ROOT, env=base | {"READ_ONLY": "1"}, stderr=log,
        )  # fmt: skip
    end = time.monotonic() + _PATIENCE
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://{at}/healthz", timeout=10)
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "log").read_text()[-2000:]
                assert time.monotonic() < end
                time.sleep(0.3)
        yield f"http://{at}"
    finally:
        process.terminate()
        process.wait(30)


def _asked(address: str, data: bytes | None = None) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, data, timeout=_PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.slow
def test_pages_api_and_static_files_are_served_from_a_folder_that_is_read_only(
    read_only_site: str,
) -> None:
    for path in ("/", "/spectra/", "/multiplet/", "/jobs/", "/readyz", "/static/css/app.css"):
        status, text = _asked(read_only_site + path)
        assert status == 200, (path, text[:500])
    assert json.loads(_asked(read_only_site + "/api/v1/spectra/")[1])["count"] == 0
    for path in ("/login/", "/bring/", "/api/v1/match/"):
        status, text = _asked(read_only_site + path, b"x=1")
        assert (status, "only shows" in text) == (503, True), (path, text[:500])
