"""Plain columns: labels, units, separators, several spectra a file."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import SkipFile
from compute.io import read_bytes
from tests.compute.io.samples import (
    I0,
    IT,
    MU,
    E,
    fails,
    one,
    rows,
)


def test_labels_choose_the_columns_and_the_choice_is_told() -> None:
    found = one("a.dat", "# energy time I0 It\n" + rows(E, [1] * 20, I0, IT))
    np.testing.assert_allclose(found.intensity, MU)
    assert {"energy: energy", "intensity: ln(I0/It)"} <= set(found.warnings)


def test_columns_without_names_are_found_by_arithmetic() -> None:
    found = one("a.dat", rows(E, I0, IT, MU))
    assert any("column 4, which equals ln(column 2/column 3)" in text for text in found.warnings)


@pytest.mark.parametrize(
    "text",
    [
        "energy,mu\n" + rows(E, MU, sep=","),
        "Energy (keV)\tmu\n" + rows([e / 1000 for e in E], MU, sep="\t"),
        "energy;mu\n" + rows(E, MU, sep=" ; ").replace(".", ","),
        "! energy mu\n" + rows(E, MU).replace("0.", ".").replace("e-", "D-"),
    ],
    ids=["csv", "keV by label", "decimal comma", "Fortran"],
)
def test_separators_units_and_number_styles_are_understood(text: str) -> None:
    text = text if ";" not in text else text.replace("energy;mu", "energy mu")
    found = one("a.dat", text)
    assert found.energy_ev[0] == pytest.approx(7000)
    np.testing.assert_allclose(found.intensity, MU, rtol=1e-12)


def test_element_and_edge_of_a_header_are_taken_and_wrong_ones_are_told() -> None:
    found = one("a.xmu", "#%atom: Fe\n#%edge: K\n# energy mu\n" + rows(E, MU))
    assert (found.element, found.edge) == ("Fe", "K")
    found = one("a.xmu", "#%atom: Fe2O3\n#%edge: K\n# energy mu\n" + rows(E, MU))
    assert (found.element, found.edge) == (None, "K")
    assert any("'Fe2O3' is no symbol" in text for text in found.warnings)
    assert "--element" in found.warnings[-1]


def test_zero_transmission_is_told_and_left_out() -> None:
    it = [0, *IT[1:]]
    found = one("a.dat", "# energy I0 It\n" + rows(E, I0, it))
    assert found.n_points == 19
    assert any("cannot be formed at 1 of 20 points" in text for text in found.warnings)


def test_a_line_of_text_among_the_data_is_told() -> None:
    lines = rows(E, MU).splitlines(keepends=True)
    lines.insert(7, "beam lost here\n")
    found = one("a.dat", "# energy mu\n" + "".join(lines))
    assert found.n_points == 20
    assert any("line 9: no line of numbers" in text for text in found.warnings)


def test_chi_is_skipped_with_the_reason() -> None:
    k = [0.05 * i for i in range(200)]
    chi = [float(np.sin(9 * v)) for v in k]
    for name, head in (("a.chi", ""), ("a.dat", "# k chi\n"), ("a.txt", "")):
        with pytest.raises(SkipFile, match=r"chi\(k\)"):
            read_bytes(name, (head + rows(k, chi)).encode())


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a__metadata.json", b'{"title": "x", "edges": ["Mn_L2,3"]}'),
        ("README.md", b"# Spectra\nof 3 samples\n"),
        ("LICENSE", b"MIT"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0"),
        ("a.pdf", b"%PDF-1.4 ..."),
    ],
)
def test_side_cars_are_skipped(name: str, data: bytes) -> None:
    with pytest.raises(SkipFile):
        read_bytes(name, data)


def test_text_without_numbers_is_an_error() -> None:
    assert "no table of numbers" in fails("a.dat", "nothing here\n")
    assert "empty" in fails("a.dat", "")
    assert "binary file" in fails("a.dat", b"\x01\x02\x00\x00\x07")


def test_energies_relative_to_the_edge_are_made_absolute_for_fdmnes() -> None:
    head = (
        " 8333.000   28  1  1  0.0  0.0 = E_edge, Z, n_edge, j_edge, Abs\n    Energy    <xanes>\n"
    )
    found = one("a.txt", head + rows(range(-5, 15), MU))
    assert found.energy_ev[0] == 8328
    assert (found.element, found.edge) == ("Ni", "K")
    assert any("not measured" in text for text in found.warnings)
