"""A site of commit c0553f9, made by the code of then, brought to today's: nothing is lost."""

from __future__ import annotations

import io
import os
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COMMIT = "c0553f9"
_FILL = """
import django; django.setup()
from tests.factories import make_peak_fit, make_site, make_spectrum, make_user
from spectradb.models import Spectrum
owner, curator = make_user(role="contributor"), make_user(role="curator")
for number in range(6):
    site = make_site(oxidation_state=float(number % 3 + 1))
    for kind in ("theory", "experiment"):
        row = make_spectrum(kind, structure=site.structure, site=site, contributor=owner)
        row.title = f"changed {number}"
        row.save()
make_peak_fit(row, (853.0, 0.3, 1.0))
make_spectrum("experiment", status="draft", contributor=owner)
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder with the tree of that commit."""
    if subprocess.run(
        ["git", "-C", ROOT, "cat-file", "-e", COMMIT], capture_output=True
    ).returncode:
        pytest.skip(f"the history here does not reach back to {COMMIT}")
    archive = subprocess.run(
        ["git", "-C", ROOT, "archive", COMMIT], capture_output=True, check=True
    ).stdout
    folder = tmp_path / "old"
    with tarfile.open(fileobj=io.BytesIO(archive)) as file:
        file.extractall(folder, filter="data")
    return folder


def run(folder: Path, database: Path, *command: str) -> None:
    env = os.environ | {
        "DATABASE_URL": f"sqlite:///{database}",
        "SPECTRADB_VAR": str(database.parent),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(folder),
    }
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]


def tables(database: Path) -> dict[str, tuple[list[str], list[tuple[object, ...]]]]:
    """Columns and rows of every table, in order of their numbers."""
    with sqlite3.connect(database) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' "
            "AND (name LIKE 'spectradb_%' OR name LIKE 'auth_user%')"
        ).fetchall()
        found = {}
        for (name,) in names:
            columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')]
            rows = connection.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall()
            found[name] = columns, rows
    return found


@pytest.mark.slow
def test_every_row_and_column_of_before_is_there_after(old: Path, tmp_path: Path) -> None:
    database = tmp_path / "var" / "site.sqlite3"
    database.parent.mkdir()
    run(old, database, "manage.py", "migrate", "--verbosity", "0")
    run(old, database, "-c", _FILL)
    before = tables(database)
    assert len(before["spectradb_spectrum"][1]) == 13
    assert len(before["spectradb_historicalspectrum"][1]) > 13
    assert len(before["auth_user"][1]) == 2
    run(ROOT, database, "manage.py", "migrate", "--verbosity", "0")
    after = tables(database)
    lost = []
    for name, (columns, rows) in before.items():
        if name not in after:
            lost.append(f"table {name} with {len(rows)} rows")
            continue
        now_columns, now_rows = after[name]
        if len(now_rows) < len(rows):
            lost.append(f"{name}: {len(rows) - len(now_rows)} rows")
            continue
        key = "history_id" if "history_id" in columns else "id"
        for column in columns:
            if column not in now_columns:
                lost.append(f"{name}.{column}")
                continue
            at, now = columns.index(column), now_columns.index(column)
            kept = {row[now_columns.index(key)]: row[now] for row in now_rows}
            before_it = {row[columns.index(key)]: row[at] for row in rows}
            if changed := [one for one, value in before_it.items() if kept.get(one) != value]:
                lost.append(f"{name}.{column} of {changed[:5]}")
    assert lost == []
    run(ROOT, database, "manage.py", "migrate", "--check")
