"""Files that are parts of another: the axes of an array, the tables of a scan."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from compute.series.io.stxm import HEADER, TABLE

ARRAY, SIDE = ".npy", ".json"
_NUMBERED = re.compile(r"_[a-z]\d+$", re.IGNORECASE)  # 0042_a003.xim, a table of 0042.hdr


def gathered(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """Files and folders that are read by themselves, each with all files that it is read from.

    Side-cars without an array are nothing that is read.
    """
    there = list(paths)
    heads = {_key(path): path for path in there if path.suffix.lower() in (ARRAY, HEADER)}
    found: dict[Path, list[Path]] = {}
    for path in there:
        whole = heads.get(_key(path), path) if path.suffix.lower() in (SIDE, TABLE) else path
        if whole.suffix.lower() != SIDE or whole.is_dir():
            found.setdefault(whole, []).append(path)
    return found


def _key(path: Path) -> tuple[str, str]:
    """Stem of the file that one is a part of, and the kind of the two."""
    kind = path.suffix.lower()
    if kind in (HEADER, TABLE):
        return _NUMBERED.sub("", path.stem).lower() if kind == TABLE else path.stem.lower(), HEADER
    return path.stem, ARRAY
