"""Numba's ``njit`` for the kernels of this package, kept for exactly these sources.

Numba keeps what it compiled by the file of each kernel alone: one that calls a kernel of another
file would go on with that one's old code after an upgrade. Everything compiled therefore lies in a
folder named by all kernels' sources, inside ``NUMBA_CACHE_DIR`` or beside the package.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from numba import njit
from numba.core import config

__all__ = ["folder", "njit"]
_PACKAGE = Path(__file__).parent


def folder() -> Path | None:
    """Where kernels of these sources are kept; None where Numba has to find a place itself."""
    own = _PACKAGE / "__pycache__"
    above = os.environ.get("NUMBA_CACHE_DIR", "")
    if not above and not os.access(own if own.is_dir() else _PACKAGE, os.W_OK):
        return None
    return (Path(above) if above else own) / f"kernels-{_fingerprint()}"


def _fingerprint() -> str:
    told = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        if b"numba" in source or b"compute.jit" in source:
            told.update(path.relative_to(_PACKAGE).as_posix().encode())
            told.update(source)
    return told.hexdigest()[:16]


# The place of a kernel is fixed where it is decorated, so before the first module that has one.
config.CACHE_DIR = str(folder() or config.CACHE_DIR)
