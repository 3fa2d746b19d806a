"""A real server that is killed while a piece arrives: what is here then is what was sent."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
_PATIENCE = 300.0  # s, for a machine that is busy
pytestmark = pytest.mark.slow


class Site:
    """A folder with its database, and gunicorn over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"
        } | {"SPECTRADB_VAR": str(folder), "PYTHONPATH": str(ROOT)}
        self.process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.cookies: dict[str, str] = {}

    def manage(self, *words: str) -> None:
        command = [sys.executable, "manage.py", *words]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True, timeout=_PATIENCE)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "spectradb.wsgi", "-b", f"127.0.0.1:{self.port}"],
            cwd=ROOT,
            env=self.environment,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                if self.ask("GET", "/healthz")[0] == 200:
                    return
            except OSError:
                assert time.monotonic() < end, "the server does not start"
                time.sleep(0.2)

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        connection.request(method, path, body or None, self.headers(headers))
        answer = connection.getresponse()
        data = answer.read()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, text = value.split(";")[0].partition("=")
                self.cookies[key] = text
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, data

    def headers(self, more: dict[str, str]) -> dict[str, str]:
        own = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        own["X-CSRFToken"] = self.cookies.get("csrftoken", "")
        return own | {key.replace("_", "-"): value for key, value in more.items()}

    def form(self, path: str, **fields: str) -> tuple[int, dict[str, str], bytes]:
        data = "&".join(f"{key}={value}" for key, value in fields.items()).encode()
        return self.ask("POST", path, data, Content_Type="application/x-www-form-urlencoded")


def account(site: Site) -> None:
    """Tables, and a contributor anna."""
    site.manage("migrate", "--verbosity", "0")
    site.manage(
        "shell", "-c",
        "from django.contrib.auth.models import User;"
        "from spectradb.services.accounts.roles import give_role;"
        "give_role(User.objects.create_user('anna', password='p'), 'contributor')",
    )  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "var")
    account(made)
    yield made
    made.kill()


def test_a_server_killed_in_the_middle_of_a_piece_goes_on_where_it_was(
    site: Site, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    np.save(tmp_path / "map.npy", rng.poisson(50, (40, 50, 2000)).astype("<f4"))
    data = (tmp_path / "map.npy").read_bytes()
    side = (
        b'{"axes": [{"name": "y", "unit": "nm", "start": 0, "step": 1},'
        b'{"name": "x", "unit": "nm", "start": 0, "step": 1},'
        b'{"name": "energy", "unit": "eV", "start": 640, "step": 0.1}], "element": "Mn"}'
    )
    site.start()
    site.ask("GET", "/login/")
    assert site.form("/login/", username="anna", password="p")[0] == 302
    site.ask("GET", "/series/upload/")
    told = site.form("/series/upload/", n_files="2", n_bytes=str(len(data) + len(side)))
    assert told[0] == 201, told
    files = json.loads(told[2])["files"]
    octets = "application/offset+octet-stream"

    def create(name: bytes, length: int, body: bytes = b"") -> str:
        status, headers, _ = site.ask(
            "POST", files, body, Content_Type=octets, Tus_Resumable="1.0.0",
            Upload_Length=str(length),
            Upload_Metadata=f"filename {base64.b64encode(name).decode()}",
        )  # fmt: skip
        assert status == 201
        return headers["location"]

    create(b"map.json", len(side), side)
    at = create(b"map.npy", len(data))
    stored = site.folder / "series-uploads" / files.split("/")[3] / at.rstrip("/").split("/")[-1]

    for _ in range(3):  # each time it is killed while a piece is only half there
        head = site.ask("HEAD", at, Tus_Resumable="1.0.0")[1]
        offset = int(head["upload-offset"])
        piece = data[offset : offset + 6_000_000]
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=_PATIENCE)
        connection.putrequest("PATCH", at)
        headers = site.headers(
            {"Content-Type": octets, "Content-Length": str(len(piece)),
             "Tus-Resumable": "1.0.0", "Upload-Offset": str(offset)}
        )  # fmt: skip
        for key, value in headers.items():
            connection.putheader(key, value)
        connection.endheaders()
        connection.send(piece[: len(piece) // 2])
        end = time.monotonic() + _PATIENCE
        while not stored.exists() or stored.stat().st_size <= offset:
            assert time.monotonic() < end, "nothing arrives"
            time.sleep(0.01)
        site.kill()
        connection.close()
        site.start()
        here = int(site.ask("HEAD", at, Tus_Resumable="1.0.0")[1]["upload-offset"])
        assert offset < here <= offset + len(piece) // 2
        assert stored.read_bytes() == data[:here]

    offset = here
    while offset < len(data):
        status, headers, words = site.ask(
            "PATCH", at, data[offset : offset + 6_000_000], Content_Type=octets,
            Tus_Resumable="1.0.0", Upload_Offset=str(offset),
        )  # fmt: skip
        assert status == 204, words
        offset = int(headers["upload-offset"])
    assert hashlib.sha256(stored.read_bytes()).digest() == hashlib.sha256(data).digest()

    site.manage(
        "shell", "-c",
        "from spectradb.tasks import run_series_upload as run; assert run(1);"
        "from spectradb.models import Series; s = Series.objects.get();"
        "assert (s.n_spectra, s.n_channels, s.absorber) == (2000, 2000, 'Mn')",
    )  # fmt: skip
    assert not stored.exists()
