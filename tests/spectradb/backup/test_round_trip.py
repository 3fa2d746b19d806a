"""A site is backed up while it is written to, and restored into another root and database."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
FILL = """
import django; django.setup()
from tests.factories import *
from spectradb.models import SourceFile
owner = make_user("anna", "contributor")
file = SourceFile.objects.create(sha256="f" * 64, name="a", n_bytes=3, data=bytes(range(256)))
for n in range(20):
    site = make_site()
    one = make_spectrum(structure=site.structure, site=site, calculation_results={"x": 1e22})
    one.calculation.requesters.add(owner)
    make_spectrum("experiment", contributor=owner, status="draft", measurement_file=file)
    make_peak_fit(one, (853.0, 0.3, 1.0))
"""
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Site:
    var: Path
    database: str = ""

    def run(self, *arguments: str, ok: bool = True) -> Any:
        """What a command writes as JSON; its errors where it is to fail."""
        given = {k: v for k, v in os.environ.items() if k not in ("SECRET_KEY", "DATABASE_URL")}
        given |= {"SPECTRADB_VAR": str(self.var), "DJANGO_SETTINGS_MODULE": "spectradb.settings"}
        given |= {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        if self.database:
            given["DATABASE_URL"] = self.database
        done = subprocess.run(
            [sys.executable, *arguments], env=given, cwd=ROOT, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert (done.returncode == 0) == ok, done.stderr
        return done.stdout if ok else done.stderr

    def manage(self, *arguments: str, ok: bool = True) -> Any:
        return self.run("manage.py", *arguments, ok=ok)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("first"))
    site.manage("migrate", "--verbosity", "0")
    site.run("-c", FILL)
    for name in ("exports/a.csv", "models/m/weights.bin", "match/old.bin"):
        path = site.var / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 1000)
    return site


@pytest.fixture(scope="module")
def archive(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made while another process writes."""
    path = tmp_path_factory.mktemp("backup") / "site.sdb"
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(site.var / "spectradb.sqlite3", timeout=30)) as database:
            while not stop.is_set():
                with database:  # two tables in one transaction: a backup has both or neither
                    database.execute(
                        "update spectradb_spectrum set title ="
                        " case when length(title) < 150 then title || 'x' else 'x' end"
                    )
                    database.execute("update spectradb_site set element = element")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        told = json.loads(site.manage("backup", str(path), "--output", "-"))
    finally:
        stop.set()
        writer.join()
    assert (told["rows"] > 200, told["files"], told["encrypted"]) == (True, 3, False)
    return path


def test_it_comes_back_whole_and_only_into_an_empty_site(
    site: Site, archive: Path, tmp_path: Path
) -> None:
    other = Site(tmp_path / "var")
    told = json.loads(other.manage("restore", str(archive), "--output", "-"))
    assert told["key_written"]
    assert (other.var / "secret_key").read_text() == (site.var / "secret_key").read_text()
    assert (other.var / "secret_key").stat().st_mode & 0o777 == 0o600
    assert (other.var / "models/m/weights.bin").read_bytes() == b"models/m/weights.bin" * 1000
    assert not (other.var / "match").exists()
    with closing(sqlite3.connect(other.var / "spectradb.sqlite3")) as database:
        lengths = "select count(distinct length(title)) from spectradb_spectrum where kind='theory'"
        assert database.execute(lengths).fetchone() == (1,)  # of one moment
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    again = tmp_path / "again.sdb"
    other.manage("backup", str(again))
    assert "there is a database" in other.manage("restore", str(archive), ok=False)


def test_a_folder_that_holds_something_is_left_alone(archive: Path, tmp_path: Path) -> None:
    other = Site(tmp_path / "var")
    (other.var / "exports").mkdir(parents=True)
    (other.var / "exports" / "a.csv").write_text("mine")
    assert "exports" in other.manage("restore", str(archive), ok=False)
    assert (other.var / "exports" / "a.csv").read_text() == "mine"


def test_a_newer_schema_is_refused(site: Site, tmp_path: Path) -> None:
    newer = Site(tmp_path / "newer")
    shutil.copytree(site.var, newer.var)
    with closing(sqlite3.connect(newer.var / "spectradb.sqlite3")) as database, database:
        database.execute(
            "insert into django_migrations (app, name, applied) values "
            "('spectradb', '9999_tomorrow', '2030-01-01')"
        )
    newer.manage("backup", str(tmp_path / "a.sdb"))
    told = Site(tmp_path / "var").manage("restore", str(tmp_path / "a.sdb"), ok=False)
    assert "newer version than this code" in told
    assert "9999_tomorrow" in told


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The address of an empty PostgreSQL, on a socket of its own."""
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    user: dict[str, Any] = {}
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        user = {"user": owner.pw_uid, "group": owner.pw_gid}
    data = folder / "data"
    calm: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder, **user}
    subprocess.run(["initdb", "-A", "trust", "-U", "spectradb", "--no-sync", data], **calm)
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    subprocess.run(
        ["pg_ctl", "-w", "-D", data, "-o", options, "-l", folder / "log", "start"], **calm
    )
    try:
        address = str(folder).replace("/", "%2F")
        yield f"postgres://spectradb@{address}/postgres"
    finally:
        subprocess.run(["pg_ctl", "-m", "immediate", "-D", data, "stop"], **calm)
        shutil.rmtree(folder, ignore_errors=True)


def test_it_moves_to_postgresql_and_back(archive: Path, postgres: str, tmp_path: Path) -> None:
    there = Site(tmp_path / "there", postgres)
    first = json.loads(there.manage("restore", str(archive), "--output", "-"))
    there.manage("backup", str(tmp_path / "there.sdb"))
    back = Site(tmp_path / "back")
    second = json.loads(back.manage("restore", str(tmp_path / "there.sdb"), "--output", "-"))
    assert first["n_rows"] <= second["n_rows"]  # permissions of the present code may be new
    # A new row takes a number of its own: the sequences stand behind the rows.
    code = "import django; django.setup(); from tests.factories import *; print(make_spectrum().pk)"
    assert int(there.run("-c", code)) == 41
