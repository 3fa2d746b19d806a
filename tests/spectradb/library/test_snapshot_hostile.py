"""A snapshot with a line that cannot be is refused with the line and what is wrong with it."""

from __future__ import annotations

import base64
import copy
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from compute.errors import ReadError
from compute.isolation import unlimited
from spectradb.models import Calculation, Spectrum
from spectradb.services.library import snapshot
from spectradb.services.library.snapshot import import_library

pytestmark = pytest.mark.django_db
Change = Callable[[dict[str, Any]], None]
HEADER = '{"format": "spectradb-library", "version": 2}\n'
CRYSTAL = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(4.18), ["Ni", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
).get_primitive_structure()
LINE = {
    "structure": "a" * 64,
    "site": 0,
    "calculation": {
        "engine": "spectradb.multiplet", "version": "cheap-3", "route": "cheap",
        "absorber": "Ni", "edge": "L23", "parameters": {"element": "Ni", "charge": 2},
        "results": {},
    },
    "seconds": 1.0,
    "energy": [845.0, 885.0, 41],
    "intensity": base64.b64encode(np.linspace(0, 1, 41).astype("<f4").tobytes()).decode(),
    "offset": [850.0, 1.0],
    "crystal": CRYSTAL.as_dict(),
    "about": {},
    "valences": [[0, 2.0], [1, -2.0]],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    """Without a child: what is refused here costs nothing."""
    with unlimited():
        yield


def _set(*where: str, to: object) -> Change:
    def change(line: dict[str, Any]) -> None:
        for name in where[:-1]:
            line = line[name]
        line[where[-1]] = to

    return change


def _written(path: Path, change: Change) -> Path:
    line = copy.deepcopy(LINE)
    change(line)
    path.write_bytes(gzip.compress((HEADER + json.dumps(line) + "\n").encode()))
    return path


def test_the_line_that_the_others_are_made_of_is_loaded(tmp_path: Path) -> None:
    assert list(import_library(_written(tmp_path / "a.gz", lambda line: None))) == [True]
    assert Spectrum.objects.get().energy[-1] == 885.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set("energy", to=[845.0, 885.0, 10**12]), "1000000000000 energies and 41 intens"),
        (_set("energy", to=[845.0, 885.0, "41"]), "41' energies"),
        (_set("energy", to=[885.0, 845.0, 41]), "energies from 885.0 to 845.0"),
        (_set("energy", to=[845.0, 10**400, 41]), "int too large"),
        (_set("energy", to=[845.0, float("nan"), 41]), "NaN is no number"),
        (_set("intensity", to="AADAfwAAAAA="), "41 energies and 2"),
        (_set("intensity", to=7), "bytes-like|argument"),
        (_set("offset", to=["a", 1.0]), "must be real number"),
        (_set("calculation", "absorber", to="Zz"), "absorber 'Zz' at a site of Ni"),
        (_set("calculation", "absorber", to="Mn"), "absorber 'Mn' at a site of Ni"),
        (_set("calculation", "edge", to="Q9"), "edge: known: L23"),
        (_set("calculation", "route", to="magic"), "magic"),
        (_set("calculation", "version", to=3), "no attribute 'split'"),
        (_set("calculation", to=[]), "list indices"),
        (_set("site", to=9), "line 2: no 9"),
        (_set("valences", to=[[0]]), "not enough values"),
        (_set("crystal", "lattice", "matrix", to=[[1e-3, 0, 0], [0, 3, 0], [0, 0, 3]]), "flat"),
        (_set("crystal", "sites", to=[{}] * 1001), "1,001 atoms in the cell"),
        (_set("crystal", to="x"), "not a structure but str"),
        (_set("about", to={"no": 1}), "unexpected keyword"),
    ],
)
def test_a_line_that_cannot_be_is_told(change: Change, words: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=words) as told:
        list(import_library(_written(tmp_path / "a.gz", change)))
    assert str(told.value).startswith("a.gz, line 2")
    assert not Calculation.objects.exists()


@pytest.mark.parametrize("text", ["7\n", "[]\n", "[" * 100_000 + "\n", "9" * 5000 + "\n", '{"a\n'])
def test_a_line_that_is_no_record_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress((HEADER + text).encode()))
    with pytest.raises(ReadError, match="line 2"):
        list(import_library(path))


def test_a_line_without_end_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_MOST_CHARACTERS", 1000)
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress((HEADER + " " * 5000).encode()))
    with pytest.raises(ReadError, match="line 2: longer than 1,000 characters"):
        list(import_library(path))
