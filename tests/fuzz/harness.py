"""Batches of damaged files, read in the child that reads uploads; what no reader may do is told.

A batch that ends its child is taken apart, so that each fault has the number of its mutation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from compute.errors import ComputeError, ReadError
from compute.io import read_bytes
from compute.io.dispatch import UNFORESEEN
from compute.isolation import StoppedError, apart
from compute.isolation.parent import _WARM
from compute.structures.read import read_crystals
from tests.fuzz.mutate import mutated

SEEDS = Path(__file__).parent / "seeds"
MOST_SECONDS = 2.0  # of processor time for one file
BATCH = 50
READERS = {
    "xdi": "spectrum.xdi", "9809": "spectrum.9809", "emsa": "spectrum.msa",
    "athena": "project.prj", "columns": "columns.dat", "hdf5": "spectrum.h5",
    "cif": "crystal.cif", "poscar": "POSCAR", "json": "crystal.json",
}  # fmt: skip
"""By reader: the name that its files are given; its seeds have the reader's name."""
STRUCTURES = ("cif", "poscar", "json")
MAY_BE_STOPPED = ("hdf5",)
"""Its library loops or dies on some broken files, which only ever ends the child."""


@dataclass
class Report:
    """What came of the executions of one reader."""

    reader: str
    executions: int = 0
    read: int = 0
    refused: int = 0
    stopped: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)
    slowest_s: float = 0.0

    @property
    def told(self) -> str:
        return (
            f"{self.reader}: {self.executions} executions, {self.read} read, {self.refused} "
            f"refused in words, {self.stopped} stopped, slowest {self.slowest_s:.2f} s, "
            f"{len(self.faults)} faults"
        )


def run(
    reader: str,
    executions: int,
    *,
    first: int = 0,
    seeds: tuple[str, ...] = (),
    tell: Callable[[Report], None] | None = None,
) -> Report:
    """Read this many mutations of a reader's seeds, or of the files named."""
    _WARM["tests.fuzz"] = "tests.fuzz.warm"
    report = Report(reader)
    for start in range(first, first + executions, BATCH):
        numbers = range(start, min(start + BATCH, first + executions))
        try:
            _add(report, apart(read_some, reader, list(numbers), seeds))
        except StoppedError:
            for number in numbers:
                _one(report, reader, number, seeds)
        if tell is not None:
            tell(report)
    return report


def _one(report: Report, reader: str, number: int, seeds: tuple[str, ...]) -> None:
    try:
        _add(report, apart(read_some, reader, [number], seeds))
    except StoppedError as error:
        report.executions += 1
        report.stopped += 1
        if reader not in MAY_BE_STOPPED:
            report.faults.append((number, str(error)))


def _add(report: Report, found: list[tuple[int, str, str, float]]) -> None:
    for number, outcome, told, seconds in found:
        report.executions += 1
        report.slowest_s = max(report.slowest_s, seconds)
        if outcome == "fault" or seconds > MOST_SECONDS:
            report.faults.append((number, told or f"{seconds:.1f} s"))
        elif outcome == "read":
            report.read += 1
        else:
            report.refused += 1


def read_some(
    reader: str, numbers: list[int], seeds: tuple[str, ...] = ()
) -> list[tuple[int, str, str, float]]:
    """Number, outcome (read, refused, fault), words and seconds of each; runs in the child."""
    return [(number, *_outcome(reader, number, seeds)) for number in numbers]


def _outcome(reader: str, number: int, seeds: tuple[str, ...]) -> tuple[str, str, float]:
    data = mutated(seeds_of(reader, seeds), number)
    began = time.process_time()
    told = ""
    try:
        outcome = "read" if _read(reader, data) else "refused"
    except ComputeError as error:
        outcome, told = "refused", str(error)
    # What a reader raises beside its own errors is what is looked for.
    except Exception as error:
        outcome, told = "fault", f"{type(error).__name__}: {error}"
    if UNFORESEEN in told:
        outcome = "fault"
    return outcome, told if outcome == "fault" else "", time.process_time() - began


def _read(reader: str, data: bytes) -> bool:
    if reader not in STRUCTURES:
        return bool(read_bytes(READERS[reader], data))
    found: list[Any] = read_crystals(data.decode("utf-8", "replace"), READERS[reader])
    return any(not isinstance(one, ReadError) for one in found)


@cache
def seeds_of(reader: str, files: tuple[str, ...] = ()) -> tuple[bytes, ...]:
    """Our own seeds of a reader, or the contents of these files."""
    return tuple(path.read_bytes() for path in (map(Path, files) if files else _files(reader)))


def _files(reader: str) -> Iterator[Path]:
    yield from sorted(SEEDS.glob(f"{reader}-*"))
