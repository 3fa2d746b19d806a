"""FEFF in a process of its own: ``python -m compute.feff.worker`` in the folder of ``feff.inp``.

It runs one stage after the other, writes each one's name to ``stages.log`` when it begins, and ends
with ``failure.json`` where a stage fails, or where potentials did not become self-consistent: FEFF
itself goes on with them. Should whoever started it die, it ends itself and FEFF.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

STAGES = ("rdinp", "atomic", "pot", "xsph", "fms", "mkgtr", "path", "genfmt", "ff2x")
"""What a spectrum needs of FEFF's stages; its density of states is not asked for."""
BEGUN, FAILURE = "stages.log", "failure.json"
_CONVERGED = re.compile(r"Convergence reached in\s+(\d+)\s+iterations")
_ITERATION = "SCF ITERATION NUMBER"
_BAD_COUNTS = "Found bad counts"
_WATCH_SECONDS = 2.0


def main() -> int:
    """Run the stages; 0 when all of them ended well."""
    import feff10

    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    text = feff10.FeffInput.parse_strict(Path("feff.inp").read_text(encoding="utf-8"))
    for name in STAGES:
        with Path(BEGUN).open("a", encoding="utf-8") as log:
            log.write(f"{name}\n")
        config = feff10.FeffConfig(".", text, stages=[feff10.Stage.from_name(name)])
        try:
            feff10.FeffPipeline(config).run()
        except feff10.FeffError as error:
            diverged = name == "pot" and _ITERATION in _words(Path("log1.dat"))
            return _failed(name, str(error), unconverged=diverged)
        if name == "pot" and (reason := unconverged(Path("log1.dat"))):
            return _failed(name, reason, unconverged=True)
    return 0


def _failed(stage: str, message: str, *, unconverged: bool = False) -> int:
    failure = {"stage": stage, "message": message, "unconverged": unconverged}
    Path(FAILURE).write_text(json.dumps(failure), encoding="utf-8")
    return 1


def unconverged(log: Path) -> str:
    """Why the potentials of this log cannot be used; nothing where they are self-consistent."""
    words = _words(log)
    if _CONVERGED.search(words):
        return ""
    n = words.count(_ITERATION)
    if _BAD_COUNTS in words:
        return f"FEFF counted too many or too few electrons in its levels, {n} iterations in"
    return f"the potentials did not become self-consistent in {n} iterations"


def _words(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""


def _end_with(parent: int) -> None:
    """End this process and its stages once it has another parent."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
