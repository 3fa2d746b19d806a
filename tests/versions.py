"""Reference numbers of code that has a version: they change only when the version is raised.

    SPECTRADB_REWRITE_REFERENCES=1 pytest -k version

writes the numbers of a raised version; it refuses to write others under the old one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

_REWRITE = "SPECTRADB_REWRITE_REFERENCES"

Numbers = Mapping[str, Sequence[float]]


def check_version(
    path: Path, version: str, home: str, found: Numbers, *, rel: float, abs_: float = 1e-9
) -> None:
    """Fail unless the numbers are those that the file keeps for this version.

    Parameters
    ----------
    path
        JSON file: ``version`` and ``numbers``. Keys that are not in ``found`` are left out, so
        that a slow test may check some and a fast one others.
    home
        Where the version is raised.
    rel, abs_
        Tolerance, relative to the largest of each key's numbers; never bit equality.
    """
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    same = kept.get("version") == version
    changed = _changed(kept.get("numbers", {}), found, rel, abs_)
    if same and not changed:
        return
    if os.environ.get(_REWRITE) and (not same or all(key not in kept["numbers"] for key in found)):
        numbers = (kept.get("numbers", {}) if same else {}) | {
            key: [float(f"{value:.12g}") for value in values] for key, values in found.items()
        }
        text = json.dumps({"version": version, "numbers": numbers}, indent=1)
        path.write_text(text + "\n", encoding="utf-8")
        return
    if same:
        raise AssertionError(
            f"numbers of {version} changed: raise VERSION in {home}, since stored results are "
            f"known by it; then {_REWRITE}=1 writes the new ones to {path.name}. Changed: "
            + "; ".join(changed)
        )
    raise AssertionError(
        f"{path.name} holds the numbers of {kept.get('version')}, the code is {version}: run once "
        f"with {_REWRITE}=1"
    )


def _changed(kept: Numbers, found: Numbers, rel: float, abs_: float) -> list[str]:
    out = []
    for key, values in found.items():
        now, before = np.asarray(values, dtype=float), np.asarray(kept.get(key, ()), dtype=float)
        if now.shape != before.shape:
            out.append(f"{key}: {before.size} numbers before, {now.size} now")
        elif now.size:
            error = np.abs(now - before).max()
            if not error <= rel * np.abs(before).max() + abs_:
                out.append(f"{key}: by up to {error:.2g}")
    return out
