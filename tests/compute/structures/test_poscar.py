"""POSCAR files of VASP 4 and 5: elements are named by the file, or it is refused."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from compute.errors import ReadError
from compute.structures.poscar import read_poscar
from compute.structures.read import read_dict

CELL = "4.177\n0.0 0.5 0.5\n0.5 0.0 0.5\n0.5 0.5 0.0\n"
NIO_ATOMS = "Direct\n0 0 0\n0.5 0.5 0.5\n"
RUTILE = (
    "1.0\n4.594 0 0\n0 4.594 0\n0 0 2.959\n{symbols}2 4\nDirect\n"
    "0 0 0\n.5 .5 .5\n.3053 .3053 0\n.6947 .6947 0\n.1947 .8053 .5\n.8053 .1947 .5\n"
)


@pytest.mark.parametrize(
    "title", ["NiO rock salt", "Ni O", "rock salt Ni1 O1", "fcc cell of NiO", "Ni O from somewhere"]
)
def test_a_title_that_names_the_elements_settles_an_old_file(title: str) -> None:
    structure, findings = read_poscar(f"{title}\n{CELL}1 1\n{NIO_ATOMS}", "POSCAR")
    assert [site.specie.symbol for site in structure] == ["Ni", "O"]
    assert "title" in findings[0].text


@pytest.mark.parametrize("title", ["rutile TiO2", "O2Ti", "Ti2 O4", "Ti O"])
def test_the_amounts_of_a_title_fit_the_counts(title: str) -> None:
    structure, _ = read_poscar(f"{title}\n{RUTILE.format(symbols='')}", "POSCAR")
    assert structure.composition.formula == "Ti2 O4"


@pytest.mark.parametrize(
    "title", ["rock salt", "run 12", "system", "", "NiO2", "Mn O Ni", "NiO CoO"]
)
def test_a_title_that_does_not_settle_it_is_refused(title: str) -> None:
    with pytest.raises(ReadError, match="no line before it names"):
        read_poscar(f"{title}\n{CELL}1 1\n{NIO_ATOMS}", "POSCAR")


@pytest.mark.parametrize("line", ["Ti O", "Ti_sv O", "Ti_pv/1234abc O/5678", "Ti4+ O2-"])
def test_symbols_as_vasp_writes_them(line: str) -> None:
    structure, findings = read_poscar("x\n" + RUTILE.format(symbols=line + "\n"), "POSCAR")
    assert structure.composition.formula == "Ti2 O4"
    assert not findings


@pytest.mark.parametrize("mark", ["", "! ", "# "])
def test_symbols_beside_the_atoms(mark: str) -> None:
    text = f"x\n{CELL}1 1\nDirect\n0 0 0 {mark}Ni\n0.5 0.5 0.5 {mark}O\n"
    structure, findings = read_poscar(text, "POSCAR")
    assert [site.specie.symbol for site in structure] == ["Ni", "O"]
    assert "beside the atoms" in findings[0].text


def test_a_title_of_another_compound_is_told() -> None:
    structure, (finding,) = read_poscar("MnO\n" + f"{CELL}Ni O\n1 1\n{NIO_ATOMS}", "POSCAR")
    assert structure.composition.formula == "Ni1 O1"
    assert "Mn O" in finding.text


def test_two_names_for_one_atom_are_an_error() -> None:
    text = f"x\n{CELL}O Ni\n1 1\nDirect\n0 0 0 Ni\n0.5 0.5 0.5 O\n"
    with pytest.raises(ReadError, match="atom 1 is O .* and Ni"):
        read_poscar(text, "POSCAR")


def test_scales_selective_dynamics_and_cartesian_places_give_one_crystal() -> None:
    plain, _ = read_poscar(f"x\n{CELL}Ni O\n1 1\n{NIO_ATOMS}", "POSCAR")
    volume = f"x\n{-plain.volume}\n{CELL.split(chr(10), 1)[1]}Ni O\n1 1\n{NIO_ATOMS}"
    three = f"x\n4.177 4.177 4.177\n{CELL.split(chr(10), 1)[1]}Ni O\n1 1\n{NIO_ATOMS}"
    cartesian = (
        f"x\n{CELL}Ni O\n1 1\nSelective dynamics\nCartesian\n0 0 0 T T F\n0.5 0.5 0.5 F F F\n"
    )
    for text in (volume, three, cartesian):
        other, _ = read_poscar(text + "\n0.0 0.0 0.0\n", "CONTCAR")
        np.testing.assert_allclose(other.lattice.matrix, plain.lattice.matrix, atol=1e-6)
        np.testing.assert_allclose(other.frac_coords, plain.frac_coords, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"x\n{CELL}Ni O\n1 2\n{NIO_ATOMS}", "ends before atom 3"),
        (f"x\n{CELL}Ni O\n1\n{NIO_ATOMS}", "2 symbols and 1 numbers"),
        (f"x\n{CELL}Ni Xx\n1 1\n{NIO_ATOMS}", "'Xx'"),
        (f"x\n{CELL}Ni O\n1 1\n0 0 0\n", "Direct or Cartesian"),
        (f"x\n{CELL}Ni O\n1 1\nDirect\n0 0 0\n0.5 0.5\n", "atom 2"),
        ("x\n0\n1 0 0\n0 1 0\n0 0 1\nNi\n1\nDirect\n0 0 0\n", "scale"),
        ("x\n1\n1 0 0\n1 0 0\n0 0 1\nNi\n1\nDirect\n0 0 0\n", "no volume"),
        ("", "empty"),
    ],
)
def test_an_error_names_the_line_or_the_atom(text: str, message: str) -> None:
    with pytest.raises(ReadError, match=message):
        read_poscar(text, "POSCAR")


def test_atoms_of_far_cells_are_brought_in_and_those_of_the_next_stay() -> None:
    far = f"x\n{CELL}Ni O\n1 1\nDirect\n-0.02 0 0\n4594.5 -620.5 0.5\n"
    structure, _ = read_poscar(far, "POSCAR")
    np.testing.assert_allclose(structure.frac_coords, [[-0.02, 0, 0], [0.5, 0.5, 0.5]], atol=1e-9)


def test_a_structure_of_json_is_brought_in_as_well() -> None:
    structure = Structure(
        Lattice.cubic(4.2), ["Ni", "O"], [[0, 0, 0], [3000.5, -900.5, 0.5]], labels=["Ni1", "O1"]
    )
    read = read_dict(structure.as_dict(), "one.json").structure
    np.testing.assert_allclose(read.frac_coords, [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-9)
    assert read.labels == ["Ni1", "O1"]
