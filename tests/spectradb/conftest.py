"""Fixtures that several test files of the site share."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.utils import translation

from compute.matching import calibration
from spectradb.services.matching import index as match_index


@pytest.fixture
def own_indexes(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes for matching of this test alone.

    Their probabilities come from few simulated pairs: a sixth of the time, and less exact.
    """
    settings.VAR_DIR = tmp_path
    match_index._LOADED.clear()
    cache.clear()
    monkeypatch.setattr(calibration, "_SYNTHETIC_PAIRS", 4)


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """Throttles count by account, and each test numbers its accounts from one again."""
    cache.clear()


@pytest.fixture(autouse=True)
def _in_english() -> None:
    """A request in Japanese leaves its language active in this thread."""
    translation.deactivate()
