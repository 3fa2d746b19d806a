"""How formulae, edges and names are set."""

from __future__ import annotations

import re
import time

import pytest

from spectradb.templatetags.science import format_name, formula, plainly, solver, typeset


def plain(html: str) -> str:
    """The HTML with lowered parts in braces and no other tags."""
    html = re.sub(r"<sub>(.*?)</sub>", r"{\1}", html)
    return re.sub(r"<[^>]*>", "", html)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("La0.7Sr0.3MnO3", "La{0.7}Sr{0.3}MnO{3}"),
        ("Fe2O3 0.5(H2O)", "Fe{2}O{3} 0.5(H{2}O)"),
        ("Fe4(OH)8 Cl n(H2O)", "Fe{4}(OH){8} Cl n(H{2}O)"),
        ("CuSO4·5H2O", "CuSO{4}·5H{2}O"),
        ("Basic lead cerussite - PbCO3-(OH)2", "Basic lead cerussite - PbCO{3}-(OH){2}"),
        ("NiO", "NiO"),
        ("NiO.010", "NiO.010"),
        ("KMnO4.103", "KMnO4.103"),
        ("Mg8.024Mn0.008O32", "Mg{8.024}Mn{0.008}O{32}"),
        ("Mg7.95106447Mn0.11996402O32", "Mg{7.951}Mn{0.12}O{32}"),
        ("V_XANES_FAD_V_1a_spot3.001", "V_XANES_FAD_V_1a_spot3.001"),
        ("Pb2+ hydrated pH 5.5", "Pb2+ hydrated pH 5.5"),
        ("A<b>2", "A&lt;b&gt;2"),
        ("", ""),
    ],
)
def test_only_words_that_are_formulae_are_lowered(text: str, shown: str) -> None:
    assert plain(formula(text).replace("&lt;b&gt;", "&lt;b&gt;")) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ni L2,3 spectrum of NiF2, 846 to 880 eV", "Ni L{2,3} spectrum of NiF{2}, 846 to 880 eV"),
        ("La M4,5", "La M{4,5}"),
        (
            "NiF2のNi L2,3計算スペクトル、849～878 eV",
            "NiF{2}のNi L{2,3}計算スペクトル、849～878 eV",
        ),
        ("Fe K", "Fe K"),
        ("L23x", "L23x"),
    ],
)
def test_sentences_lower_edges_and_formulae(text: str, shown: str) -> None:
    assert plain(typeset(text)) == shown


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Mg7.95106447Mn0.11996402Al16O32", ["Mg7.951", "Mn0.12", "Al16", "O32"]),
        ("Ca2(Mg,Fe)5", ["Ca2(Mg,Fe)5"]),  # no formula
        (
            "K0.9Na0.1(AlSi3O8)2(OH)2Cl3F2",
            ["K0.9", "Na0.1", "(Al", "Si3", "O8)2", "(O", "H)2", "Cl3", "F2"],
        ),
        ("La0.7Sr0.3MnO3", ["La0.7Sr0.3MnO3"]),  # short
    ],
)
def test_a_long_formula_breaks_between_symbols_alone(text: str, lines: list[str]) -> None:
    found = re.sub(r"</?(?:sub|span)[^>]*>", "", formula(text)).split("<wbr>")
    assert found == lines


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("peaks at 3 and 5 eV uncertain", "Peaks at 3 and 5 eV uncertain"),
        ("line 6: no number\nline 7: neither", "Line 6: no number\nLine 7: neither"),
        ("file.dat: line 3 has 2 columns", "file.dat: line 3 has 2 columns"),
        ("pH 5 is stated", "pH 5 is stated"),
        (None, ""),
    ],
)
def test_what_a_page_tells_begins_as_a_sentence(told: str | None, shown: str) -> None:
    assert plainly(told) == shown


def test_files_and_solvers_are_called_as_people_call_them() -> None:
    assert [format_name(one) for one in ("nxxas", "parquet", "hdf5")] == [
        "NXxas",
        "Parquet",
        "HDF5",
    ]
    assert solver("dense") == "diagonalised in full"


def test_a_hostile_name_costs_nothing() -> None:
    started = time.process_time()
    formula("Si" * 4000 + "!" + "-" * 4000)
    formula("(" * 8000)
    assert time.process_time() - started < 0.5
