"""Compiled kernels are kept for exactly the sources that they were compiled from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from compute import jit

_TWO_FILES = {
    "inner.py": "from compute.jit import njit\n\n\n"
    "@njit(cache=True)\ndef inner(x):\n    return x + 1\n",
    "outer.py": "from compute.jit import njit\nfrom compute.inner import inner\n\n\n"
    "@njit(cache=True)\ndef outer(x):\n    return 10 * inner(x)\n",
}  # fmt: skip


@pytest.mark.parametrize("named", [True, False])
def test_a_kernel_whose_callee_changed_in_another_file_is_compiled_anew(
    named: bool, tmp_path: Path
) -> None:
    package = tmp_path / "compute"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(str(jit.__file__), package / "jit.py")
    for name, source in _TWO_FILES.items():
        (package / name).write_text(source)
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    if named:
        environment["NUMBA_CACHE_DIR"] = str(tmp_path / "kept")

    def answer() -> str:
        command = [sys.executable, "-c", "from compute.outer import outer; print(outer(4))"]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    assert answer() == "50"
    kept = tmp_path / "kept" if named else package / "__pycache__"
    [first] = kept.glob("kernels-*")
    assert list(first.rglob("*.nbi"))
    (package / "inner.py").write_text(_TWO_FILES["inner.py"].replace("x + 1", "x + 2"))
    assert answer() == "60"
    assert len(list(kept.glob("kernels-*"))) == 2


def test_a_package_that_may_not_be_written_leaves_the_place_to_numba(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert jit.folder() is None
