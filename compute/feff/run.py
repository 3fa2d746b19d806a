"""Run FEFF for one input: own folder, own process, a time limit, every way of failing told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import TemporaryDirectory

from compute.feff.cpu_time import cpu_seconds
from compute.feff.errors import (
    FeffCrashed,
    FeffMissing,
    FeffNotConverged,
    FeffStageFailed,
    FeffTimeout,
)
from compute.feff.output import Xmu, read_xmu
from compute.feff.version import PACKAGE, RELEASE
from compute.feff.worker import BEGUN, FAILURE, STAGES
from compute.isolation import without_secrets

LIMIT_S = 3000.0
"""CPU time that one edge may take; cells of 4 to 60 atoms need 1 to 8 minutes."""
WALL = 4.0
"""By the clock it may take so many times as long: other work on the machine is not its fault."""
MEMORY = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**36)}
"""What FEFF gives back stays with its process (glibc; other allocators read other names).

For every energy it takes arrays of some 160 MB and gives them back. From the kernel they would come
as new pages, each zeroed: three quarters of a run's time.
"""
_POLL_S = 0.1
_COUNT_S = 1.0  # between looks at the CPU time
_TOLD = 1500  # characters of FEFF's own words that an error carries

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, its number from 1, and how many there are."""


def silent(stage: str, number: int, total: int) -> None:
    """Tell nobody."""


def require() -> None:
    """Make sure that the right FEFF is here.

    Raises
    ------
    FeffMissing
    """
    try:
        found = installed(PACKAGE)
    except PackageNotFoundError as error:
        raise FeffMissing(
            f"FEFF is not installed: pip install -r requirements-feff.txt ({PACKAGE} {RELEASE})"
        ) from error
    if found != RELEASE:
        raise FeffMissing(f"{PACKAGE} {found} is installed, this route is of {RELEASE}")


def available() -> bool:
    """Whether FEFF can be run here."""
    try:
        require()
    except FeffMissing:
        return False
    return True


def run_feff(text: str, *, limit_s: float = LIMIT_S, progress: Progress = silent) -> Xmu:
    """What FEFF makes of an input file; its folder is gone afterwards, whatever happens.

    Parameters
    ----------
    text : str
        ``feff.inp``.
    limit_s : float
        CPU time; :data:`WALL` times that by the clock, and where CPU time is not told just that.

    Raises
    ------
    FeffMissing, FeffStageFailed, FeffCrashed, FeffTimeout, FeffNotConverged
    """
    require()
    with TemporaryDirectory(prefix="feff-") as name:
        folder = Path(name)
        (folder / "feff.inp").write_text(text, encoding="utf-8")
        _run_in(folder, limit_s, progress)
        return read_xmu(folder / "xmu.dat")


def _run_in(folder: Path, limit_s: float, progress: Progress) -> None:
    here = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    with (folder / "stdout.txt").open("wb") as words:  # FEFF is talkative on stdout
        process = subprocess.Popen(
            [sys.executable, "-m", "compute.feff.worker"],
            cwd=folder,
            env=without_secrets(os.environ) | MEMORY | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _watch(process, folder, limit_s, progress)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode == 0:
        return
    failure = folder / FAILURE
    if failure.exists():
        told = json.loads(failure.read_text(encoding="utf-8"))
        message = " ".join(f"{told['message']} {_last_words(folder)}".split())
        if told["unconverged"]:
            raise FeffNotConverged(message[:_TOLD])
        raise FeffStageFailed(told["stage"], message[:_TOLD])
    stage = _stages(folder)[-1] if _stages(folder) else "start"
    code = process.returncode
    how = f"by signal {-code}" if code < 0 else f"with status {code}"
    raise FeffCrashed(f"FEFF ended {how} in stage {stage}. {_last_words(folder)}"[:_TOLD])


def _watch(
    process: subprocess.Popen[bytes], folder: Path, limit_s: float, progress: Progress
) -> None:
    begun, told, looked, used = time.monotonic(), 0, 0.0, 0.0

    def tell() -> list[str]:
        nonlocal told
        stages = _stages(folder)
        for number in range(told, len(stages)):
            progress(stages[number], number + 1, len(STAGES))
        told = len(stages)
        return stages

    while process.poll() is None:
        stages = tell()
        passed = time.monotonic() - begun
        if passed - looked > _COUNT_S:
            counted, looked = cpu_seconds(process.pid), passed
            used = passed if counted is None else counted
        if used > limit_s or passed > WALL * limit_s:
            stage = stages[-1] if stages else "start"
            took = f"{used:.0f} s of CPU time and {passed:.0f} s by the clock"
            raise FeffTimeout(f"FEFF was in stage {stage} after {took}; its limit is {limit_s:g} s")
        time.sleep(_POLL_S)
    tell()  # the last ones may be shorter than a look


def _stages(folder: Path) -> list[str]:
    log = folder / BEGUN
    return log.read_text(encoding="utf-8").split() if log.exists() else []


def _last_words(folder: Path) -> str:
    lines = (folder / "stdout.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    return " ".join(" ".join(lines[-8:]).split())
