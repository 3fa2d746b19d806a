"""Entries of a database of published cells, as CIF text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compute.errors import ReadError
from compute.structures.amcsd import Entry, installed_file, read_entries
from compute.structures.read import read_crystals
from tests.amcsd_file import Cell, rocksalt, write


def entries(path: Path, *cells: Cell) -> list[Entry]:
    return list(read_entries(write(path / "cells.db", list(cells))))


def test_an_entry_becomes_a_cif_that_the_gate_reads(tmp_path: Path):
    (one,) = entries(tmp_path, Cell(7, "Ni O", 4.178, rocksalt("Ni", "O"), mineral="Bunsenite"))
    (read,) = read_crystals(one.cif, "x.cif")
    assert (read.structure.reduced_formula, len(read.structure)) == ("NiO", 8)
    assert read.structure.lattice.a == pytest.approx(4.178)
    assert (one.mineral, one.source_id) == ("Bunsenite", "amcsd-7")
    assert one.citation == "Doe J, American Mineralogist 75 (1990) 12"
    assert one.ordered
    assert one.ambient
    assert len(one.sha256) == 64


@pytest.mark.parametrize(
    ("title", "kelvin", "gpa", "ambient"),
    [
        ("Sample: T = 173 K", 173.0, None, False),
        ("Note: T = 25 deg C", 298.15, None, True),
        ("Sample: at P = 42 kbar", None, 4.2, False),
        ("Sample: P = .001 kbar", None, 1e-4, True),
        ("Sample: at T = 3.3 K & P = .018 GPa", 3.3, 0.018, False),
        ("Synthesis and structure", None, None, True),
    ],
)
def test_conditions_are_those_that_the_title_tells(tmp_path, title, kelvin, gpa, ambient):
    (one,) = entries(tmp_path, Cell(1, "Ni O", 4.18, rocksalt("Ni", "O"), title=title))
    told = [one.temperature_k, one.pressure_gpa]
    for found, wanted in zip(told, [kelvin, gpa], strict=True):
        assert found == (None if wanted is None else pytest.approx(wanted))
    assert one.ambient is ambient


def test_settings_of_one_phase_are_one_compound_and_partial_occupancy_is_seen(tmp_path: Path):
    first, second, third = entries(
        tmp_path,
        Cell(1, "Ni O", 4.18, rocksalt("Ni", "O")),
        Cell(2, "Ni2 O2", 4.19, rocksalt("Ni", "O"), group="P 1 %var1%"),
        Cell(3, "(Ni.8 Mg.1) O", 4.2, rocksalt("Ni", "O", 0.9)),
    )
    assert first.compound == second.compound != third.compound
    assert second.space_group == "P 1"
    assert third.amounts == {"Ni": 0.8, "Mg": 0.1, "O": 1.0}
    assert not third.ordered


def test_a_file_that_is_no_such_database_is_refused(tmp_path: Path):
    (tmp_path / "cells.db").write_text("no database")
    with pytest.raises(ReadError, match="not a database"):
        list(read_entries(tmp_path / "cells.db"))


@pytest.mark.slow
@pytest.mark.skipif(installed_file() is None, reason="larixite is not installed")
@pytest.mark.filterwarnings("ignore")
def test_thirty_of_them_are_what_an_independent_reader_makes_of_them():
    """pymatgen's own reader of the same text: the same atoms in the same places."""
    from pymatgen.io.cif import CifParser

    found = [one for one in read_entries(installed_file()) if isinstance(one, Entry)]
    assert len(found) == 9275
    random = np.random.default_rng(2026)
    compared = 0
    for k in random.permutation(len(found)):
        if compared == 30:
            break
        one = found[k]
        (mine,) = read_crystals(one.cif, "x.cif")
        if isinstance(mine, ReadError) or not mine.structure.is_ordered or not one.ordered:
            continue
        if any(note.code in ("setting", "repeated", "label") for note in mine.findings):
            continue  # where ours says that it read the entry otherwise
        try:
            (other,) = CifParser.from_str(one.cif, site_tolerance=5e-3).parse_structures(
                primitive=False, check_occu=True
            )
        except ValueError:
            continue  # labels such as Wat, which it knows no element of
        if not other.is_ordered or set(map(str, other.composition.elements)) != set(
            map(str, mine.structure.composition.elements)
        ):
            continue
        compared += 1
        assert mine.structure.composition == other.composition, one.source_id
        for site in mine.structure:
            near = other.get_sites_in_sphere(site.coords, 0.02)
            assert site.specie in {n.specie for n in near}, f"{one.source_id} {site}"
    assert compared == 30
