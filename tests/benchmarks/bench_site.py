"""The site with 150,000 spectra of 20,000 structures in SQLite: pages, searches, API, arrays.

Rows are made in a throwaway database (kept and used again where ``SPECTRADB_BENCH_DB`` names a
file). Pages are timed inside the server, in a process of their own, over requests that differ,
so that nothing is answered from a cache of the very same request.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.rows import Row

ROOT = Path(__file__).resolve().parents[2]


def run() -> Iterator[Row]:
    """Every row of the table."""
    kept = os.environ.get("SPECTRADB_BENCH_DB")
    with tempfile.TemporaryDirectory(prefix="spectradb-bench-") as folder:
        path = Path(kept) if kept else Path(folder) / "site.sqlite3"
        env = os.environ | {
            "DATABASE_URL": f"sqlite:///{path}",
            "SPECTRADB_VAR": folder,
            "DJANGO_SETTINGS_MODULE": "tests.settings",  # plain static files: nothing was collected
            "THROTTLE_ANON": "1000000/min",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.site_timings"],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            yield Row(**json.loads(line))
        if process.wait():
            raise RuntimeError(f"the measuring process ended with {process.returncode}")
