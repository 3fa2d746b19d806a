"""The check of versions itself: numbers and version change together or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.versions import check_version

NUMBERS = {"a": [1.0, 2.0], "b": [3.0]}


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SPECTRADB_REWRITE_REFERENCES", raising=False)
    path = tmp_path / "reference.json"
    path.write_text(json.dumps({"version": "thing-1", "numbers": NUMBERS}))
    return path


def test_rounding_errors_are_no_change(reference: Path):
    check_version(reference, "thing-1", "here", {"a": [1.0, 2.0 + 1e-9]}, rel=1e-8)


@pytest.mark.parametrize("found", [{"a": [1.0, 2.1]}, {"a": [1.0]}, {"a": [1.0, float("nan")]}])
@pytest.mark.parametrize("rewrite", ["", "1"])
def test_other_numbers_under_the_same_version_fail(found, rewrite, reference: Path, monkeypatch):
    monkeypatch.setenv("SPECTRADB_REWRITE_REFERENCES", rewrite)
    with pytest.raises(AssertionError, match="raise VERSION in here.*Changed: a"):
        check_version(reference, "thing-1", "here", found, rel=1e-8)


def test_a_raised_version_asks_for_its_numbers_and_then_keeps_them(reference: Path, monkeypatch):
    found = {"a": [1.0, 2.1], "b": [3.0]}
    with pytest.raises(AssertionError, match="holds the numbers of thing-1"):
        check_version(reference, "thing-2", "here", found, rel=1e-8)
    monkeypatch.setenv("SPECTRADB_REWRITE_REFERENCES", "1")
    check_version(reference, "thing-2", "here", found, rel=1e-8)
    monkeypatch.delenv("SPECTRADB_REWRITE_REFERENCES")
    check_version(reference, "thing-2", "here", found, rel=1e-8)
