"""The installed copy: what the wheel holds, where it writes, and the notebook of the README."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's packages; what they need comes from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, "--no-build-isolation", str(ROOT)], check=True, capture_output=True)
    return folder


def run(installed: Path, where: Path, *words: str) -> str:
    """Run Python in an empty folder with the installed copy."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DJANGO_SETTINGS_MODULE", "SPECTRADB_VAR", "NUMBA_CACHE_DIR"}
    }
    answer = subprocess.run(
        [sys.executable, *words],
        cwd=where,
        env=kept | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    return answer.stdout


def files(folder: Path) -> set[str]:
    return {str(p) for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}


@pytest.mark.slow
def test_the_site_works_from_an_empty_folder_and_writes_only_there(
    installed: Path, tmp_path: Path
) -> None:
    before = files(installed)
    run(installed, tmp_path, "-m", "spectradb", "migrate", "--verbosity", "0")
    page = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "spectradb.settings"
import django; django.setup()
import spectradb
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import translation
answer = Client().get("/", headers={"host": "localhost", "accept-language": "ja"})
assert answer.status_code == 200, answer.status_code
assert finders.find("js/plots.js") and finders.find("vendor/plotly/plotly-basic.min.js")
assert "\u30b9\u30da\u30af\u30c8\u30eb" in answer.content.decode(), "no Japanese"
print(settings.VAR_DIR, spectradb.__file__)
"""
    told = run(installed, tmp_path, "-c", page)
    assert str(tmp_path / "var") in told
    assert str(installed) in told
    assert files(installed) == before
    assert (tmp_path / "var" / "spectradb.sqlite3").is_file()


@pytest.mark.slow
def test_the_notebook_of_the_readme_runs(installed: Path, tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert code is not None
    name, shift, n_peaks = run(installed, tmp_path, "-c", code[1]).split()
    assert name == "NiO"
    assert float(shift) == pytest.approx(0.3, abs=0.02)
    assert int(n_peaks) >= 2
