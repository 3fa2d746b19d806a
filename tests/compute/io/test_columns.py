"""Plain columns: labels, units, separators, several spectra a file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from compute.errors import ReadError, SkipFile
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


# --- how tables are written -----------------------------------------------------------------------

X = 7060 + np.arange(60.0)
Y = 0.2 + 0.01 * np.arange(60)


def lines(form: Callable[[int, float, float], str]) -> str:
    """A line for each point, from its number, energy and value."""
    pairs = zip(X.tolist(), Y.tolist(), strict=True)
    return "".join(form(i, a, b) + "\n" for i, (a, b) in enumerate(pairs))


@pytest.mark.parametrize(
    "text",
    [
        "Energy\tmu\neV\ta.u.\n" + rows(X, Y, sep="\t"),
        "Energy\tmu\nkeV\ta.u.\nComments\tCuO\n" + rows(X / 1000, Y, sep="\t"),
        "sep=;\nEnergy [eV];mu\n" + rows(X, Y, sep=";"),
        "energy;mu\n"
        + lines(lambda i, a, b: f"{a // 1000:.0f} {a % 1000:06.2f};{b}".replace(".", ",")),
        "energy;mu\n" + lines(lambda i, a, b: f"{a:,.2f};{b}".replace(",", "'")),
        "energy\tmu\n" + lines(lambda i, a, b: f"{a:,.2f}\t{b}"),
        "time,energy,mu\n" + lines(lambda i, a, b: f"2023-05-04 10:00:{i:02d},{a},{b}"),
        "# time energy mu\n" + lines(lambda i, a, b: f"10:00:{i:02d} {a} {b}"),
        "energy mu\n" + lines(lambda i, a, b: f'"{i + 1}" {a} {b}'),
        "energy mu\n" + lines(lambda i, a, b: f"{i} {a} {b}"),
        "エネルギー(eV),吸光度\n" + rows(X, Y, sep=","),
        "Mode: TEY\nEnergy(eV) mu(arb. units)\n" + rows(X, Y),
        "# Energy in keV\n# energy mu\n" + rows(X / 1000, Y),
    ],
    ids=[
        "units below", "units and comments below", "sep=", "blank thousands", "Swiss thousands",
        "thousands", "time stamps", "clock", "R row names", "one label fewer", "Japanese",
        "blanks in brackets", "unit in the header's text",
    ],
)  # fmt: skip
def test_the_same_table_is_read_however_it_is_written(text: str) -> None:
    found = one("a.txt", text)
    np.testing.assert_allclose(found.energy_ev, X, rtol=1e-9)
    np.testing.assert_allclose(found.intensity, Y, atol=1e-5)
    assert found.quantity == "mu"


def test_a_comma_that_may_be_both_is_refused() -> None:
    text = "".join(f"8,{100 + i}\t1,{200 + i}\n" for i in range(20))
    assert "decimal comma" in fails("a.txt", text)


def test_three_decimals_of_energies_are_no_thousands_where_no_edge_lies_there() -> None:
    text = "# energy mu\n" + "".join(f"{640 + 0.25 * k:.3f} {100 + k}\n" for k in range(40))
    (found,) = read_bytes("a.dat", text.encode())
    np.testing.assert_allclose(found.energy_ev, 640 + 0.25 * np.arange(40))
    lower = text.replace("# energy", "# e").replace("64", "4")
    assert "decimal comma" in fails("a.dat", lower)


@pytest.mark.parametrize("mark", ["*****", "NaN", "-nan(ind)", "#DIV/0!", "--", ""])
def test_a_value_that_is_none_is_left_out_and_told(mark: str) -> None:
    table = rows(X, Y, sep=",").splitlines()
    table[7] = f"{X[7]},{mark}"
    found = one("a.csv", "energy,mu\n" + "\n".join(table) + "\n")
    assert found.n_points == 59
    assert any("left out" in text for text in found.warnings)


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "utf-16", "utf-8-sig"])
def test_japanese_headers_are_read_in_every_encoding(encoding: str) -> None:
    text = "# Sample.name: 酸化銅の試料ペレット\n# energy mu\n" + rows(X, Y)
    assert one("a.dat", text.encode(encoding)).label == "酸化銅の試料ペレット"


def test_western_letters_are_not_taken_for_japanese() -> None:
    text = "# Sample.name: Größe, été, 20 °C, µm\n# energy mu\n" + rows(X, Y)
    found = one("a.dat", text.encode("latin-1"))
    assert found.label == "Größe, été, 20 °C, µm"
    assert any("Latin-1" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    "head", ["# energy IC1 IC2 IC3", "Energy Counts1 Counts2 Counts3", "# energy chA chB chC"]
)
def test_counts_of_unknown_chambers_are_no_samples(head: str) -> None:
    beam = 1e5 + 300 * np.sin(X)
    it = beam * np.exp(-Y)
    with pytest.raises(ReadError, match="which of its columns"):
        read_bytes("a.dat", f"{head}\n{rows(X, beam, it, it / 2)}".encode())


@pytest.mark.parametrize("label", ["Binding Energy (eV)", "Kinetic Energy (eV)"])
def test_energies_of_photoelectrons_are_refused(label: str) -> None:
    assert "no energy of photons" in fails("a.txt", f"{label}\tCounts\n" + rows(X, Y, sep="\t"))


@pytest.mark.parametrize(
    "head",
    [
        "# Column.1: energy eV\n# Column.2: I0\n# Column.3: It\n",
        "# col1: energy\n# col2: I0\n# col3: It\n",
        "# 1: energy 2: I0 3: It\n",
        "#C 1_Energy (eV) 2_i0 3_i1\n",
        "#  1) Mono Energy *   3) I1\n#  2) I0\n#\n# data\n",
        "; P1 = {Energy} --> m1\n; D1 = {I0} --> s1\n; D2 = {I1} --> s2\n;  P1 D1 D2\n",
        "Data:\nenergy\nI0\nI1\n",
    ],
    ids=["fields", "short fields", "numbers", "prefixes", "list", "definitions", "one a line"],
)
def test_labels_are_found_in_the_ways_of_beamlines(head: str) -> None:
    found = one("a.dat", head + rows(E, I0, IT))
    np.testing.assert_allclose(found.intensity, MU, rtol=1e-9)


def test_channels_with_numbers_are_asked_for() -> None:
    beam = 1e5 + 300 * np.sin(X)
    table = rows(X, beam, beam * np.exp(-Y), beam * np.exp(-2 * Y))
    assert "which of its columns" in fails("a.dat", "# energy ch1 ch2 ch3\n" + table)
