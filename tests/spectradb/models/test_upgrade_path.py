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
asked = Spectrum.objects.filter(kind="theory").first().calculation
asked.requested_by = curator
asked.save()
"""
_ELSEWHERE = {
    "spectradb_calculation.input_hash": "written anew from the inputs of the row (0009)",
    "spectradb_calculation.requested_by_id": "several may ask: requesters (0007, 0008)",
    "spectradb_historicalcalculation.requested_by_id": "as above",
    "spectradb_trainedmodel.report": "named held_out (0004)",
}
"""What is another or at another place since, and why."""
Tables = dict[str, tuple[list[str], list[tuple[object, ...]]]]


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


def tables(database: Path) -> Tables:
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
    run(ROOT, database, "manage.py", "migrate", "--verbosity", "0")
    after = tables(database)
    assert changes(before, after) == set(_ELSEWHERE)
    columns, asked = before["spectradb_calculation"]
    at, who = columns.index("id"), columns.index("requested_by_id")
    links = {row[1:] for row in after["spectradb_calculation_requesters"][1]}
    assert links == {(row[at], row[who]) for row in asked if row[who] is not None} != set()
    run(ROOT, database, "manage.py", "migrate", "--check")


def changes(before: Tables, after: Tables) -> set[str]:
    """Columns that are gone, or whose values are others; whole tables by their names."""
    found = set()
    for name, (columns, rows) in before.items():
        if name not in after:
            found.add(name)
            continue
        now_columns, now_rows = after[name]
        key = "history_id" if "history_id" in columns else "id"
        by_key = {row[now_columns.index(key)]: row for row in now_rows}
        for at, column in enumerate(columns):
            if column not in now_columns:
                found.add(f"{name}.{column}")
                continue
            now = now_columns.index(column)
            kept = {one: row[now] for one, row in by_key.items()}
            if any(kept.get(row[columns.index(key)], "gone") != row[at] for row in rows):
                found.add(f"{name}.{column}")
    return found
