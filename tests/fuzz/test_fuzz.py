"""Some of the damaged files that ``python -m tests.fuzz`` reads by the hundred thousand."""

from __future__ import annotations

import re

import pytest

from compute.errors import ReadError, SkipFile
from compute.io import read_bytes
from compute.structures.read import read_crystals
from tests.fuzz.harness import READERS, STRUCTURES, run, seeds_of

_IN_CI = 2_000  # of each reader: about a minute in all


@pytest.mark.parametrize("reader", READERS)
def test_the_seeds_are_files_that_can_be_read(reader: str) -> None:
    read = 0
    for data in seeds_of(reader):
        try:
            found = (
                read_crystals(data.decode(), READERS[reader])
                if reader in STRUCTURES
                else read_bytes(READERS[reader], data)
            )
        except (ReadError, SkipFile):
            continue
        read += any(not isinstance(one, ReadError) for one in found)
    assert read > 0.5 * len(seeds_of(reader))


def test_damaged_files_are_read_or_refused() -> None:
    for reader in READERS:
        assert run(reader, 20).faults == []


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_many_damaged_files_are_read_or_refused(reader: str) -> None:
    report = run(reader, _IN_CI, first=1_000_000)
    assert report.executions == _IN_CI
    # What was stopped for its time is asked once more: a busy core counts nearly twice.
    slow = {
        seed
        for seed, why in report.faults
        if "was stopped after" in why or re.fullmatch(r"[\d.]+ s", why)
    }
    assert [one for one in report.faults if one[0] not in slow] == [], report.told
    assert [fault for seed in slow for fault in run(reader, 1, first=seed).faults] == []
