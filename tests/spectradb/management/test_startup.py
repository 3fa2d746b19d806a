"""Nothing heavy is loaded before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("scipy", "numba", "h5py", "pymatgen", "torch", "sklearn", "pyscf", "pyarrow", "pandas")
_CODE = f"""
import sys
sys.argv = ["manage.py", *sys.argv[1:]]
from spectradb.__main__ import main
try:
    main()
except SystemExit:
    pass
print("LOADED", *(name for name in {HEAVY!r} if name in sys.modules))
"""


def loaded(tmp_path: Path, *words: str) -> set[str]:
    """Heavy packages that a command has loaded when it ends."""
    answer = subprocess.run(
        [sys.executable, "-c", _CODE, *words],
        env=os.environ | {"SPECTRADB_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(answer.stdout.rsplit("LOADED", 1)[1].split())


@pytest.mark.parametrize(
    "command", ["match_spectrum", "run_multiplet", "import_library", "export_library", "migrate"]
)
def test_help_loads_nothing_heavy(tmp_path: Path, command: str) -> None:
    assert loaded(tmp_path, command, "--help") == set()
