"""Where the shared real-data folder is, for tests that skip without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_DEFAULT = Path(__file__).resolve().parents[1].parent / "shared"


def shared_data(*parts: str) -> Path:
    """Path inside the shared data folder; skips the calling test where it is absent."""
    path = Path(os.environ.get("SPECTRADB_SHARED", _DEFAULT)).joinpath("data", *parts)
    if not path.exists():
        pytest.skip(f"shared data not here: {'/'.join(parts)}")
    return path
