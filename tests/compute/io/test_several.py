"""Files that hold several spectra: scans, regions, samples, pairs, detectors; none is joined."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import ReadError
from compute.io import read_bytes
from tests.compute.io.samples import one
from tests.compute.io.test_xdi import ROWS, xdi

X = 7060 + np.arange(120.0)


def step(at: float, height: float = 1.0) -> np.ndarray:
    return 0.1 + height * (0.5 + np.arctan((X - at) / 2) / np.pi)


def text(*columns: np.ndarray, sep: str = " ") -> str:
    return "".join(sep.join(f"{v:.8g}" for v in row) + "\n" for row in np.array(columns).T)


def labels(name: str, content: str) -> list[str]:
    return [spectrum.label for spectrum in read_bytes(name, content.encode())]


def test_each_spec_scan_is_a_spectrum_with_its_number() -> None:
    scan = "#S {n} ascan energy\n#N 3\n#L Energy  I0  It\n" + text(X, X * 10, X * 4)
    content = "#F f\n#E 17\n\n" + "\n".join(scan.format(n=n) for n in (1, 2, 7))
    found = read_bytes("a.spec", content.encode())
    assert [f.label.split(", ")[1].split()[:2] for f in found] == [
        ["scan", "1"],
        ["scan", "2"],
        ["scan", "7"],
    ]
    assert {f.n_points for f in found} == {120}


def test_a_spec_scan_of_a_motor_beside_energy_scans_is_left_out_and_told() -> None:
    align = "#S 1 ascan th\n#L Theta  Epoch  Det\n" + text(X / 1000, X, X)
    energy = "#S 2 ascan energy\n#L Energy  Epoch  mu\n" + text(X, X, step(7112))
    (found,) = read_bytes("a.spec", (align + "\n" + energy).encode())
    assert found.energy_ev[0] == 7060
    assert any("left out: scan 1" in warning for warning in found.warnings)


def test_a_repeated_header_begins_another_scan() -> None:
    page = "energy mu\n" + text(X, step(7112))
    assert len(read_bytes("a.dat", (page + page).encode())) == 2


def test_a_header_repeated_on_each_page_of_one_scan_begins_none() -> None:
    lines = text(X, step(7112)).splitlines(keepends=True)
    content = "energy mu\n" + "".join(lines[:60]) + "energy mu\n" + "".join(lines[60:])
    found = one("a.dat", content)
    assert found.n_points == 120
    assert any("left out" in warning for warning in found.warnings)


@pytest.mark.parametrize("backwards", [False, True])
def test_an_energy_that_runs_back_begins_another_scan(backwards: bool) -> None:
    first = text(X, step(7112))
    again = "".join(first.splitlines(keepends=True)[::-1]) if backwards else first
    found = read_bytes("a.dat", ("# energy mu\n" + first + again + first).encode())
    assert [f.n_points for f in found] == [120, 120, 120]
    for f in found:
        np.testing.assert_allclose(f.intensity, step(7112), rtol=1e-6)


def test_overlapping_regions_of_one_scan_stay_one_scan() -> None:
    x = np.concatenate(
        [np.arange(6900, 7100, 10), np.arange(7090, 7150, 1), np.arange(7140, 7400, 4)]
    )
    y = 1 + np.arctan((x - 7112) / 2)
    content = "# energy mu\n" + "".join(f"{a} {b:.6f}\n" for a, b in zip(x, y, strict=True))
    assert len(read_bytes("a.dat", content.encode())) == 1


def test_columns_named_after_samples_are_one_spectrum_each() -> None:
    content = "energy\tFe2O3\tFe3O4\tfoil\n" + text(X, step(7123), step(7121), step(7112), sep="\t")
    assert labels("a.txt", content) == ["a, Fe2O3", "a, Fe3O4", "a, foil"]


def test_absorptions_of_several_samples_are_one_spectrum_each() -> None:
    content = "energy,mu_A,mu_A_err,mu_B\n" + text(X, step(7112), X * 0 + 0.01, step(7120), sep=",")
    assert labels("a.csv", content) == ["a, mu_A", "a, mu_B"]


@pytest.mark.parametrize(
    "head",
    [
        "E_CuO\tCuO\tE_foil\tfoil\n",
        "Energy (eV)\tCuO\tEnergy (eV)\tfoil\n",
        "energy\tmu\tenergy\tmu\n",
        "",
    ],
)
def test_pairs_of_columns_have_their_own_energies(head: str) -> None:
    content = head + text(X, step(7112), X + 500, step(7150), sep="\t")
    found = read_bytes("a.txt", content.encode())
    assert [f.energy_ev[0] for f in found] == [7060, 7560]
    np.testing.assert_allclose(found[1].intensity, step(7150), rtol=1e-6)


def test_pairs_of_unequal_length_keep_their_own_points() -> None:
    rows = [f"{a:g},{b:.6f},{a + 5:g},{b:.6f}" for a, b in zip(X, step(7112), strict=True)]
    rows[100:] = [row.rsplit(",", 2)[0] + ",," for row in rows[100:]]
    found = read_bytes("a.csv", ("E1,a,E2,b\n" + "\n".join(rows) + "\n").encode())
    assert [f.n_points for f in found] == [120, 100]


def test_requested_and_reached_energies_are_no_pair() -> None:
    content = "energy_set energy_rbv I0 It\n" + text(X, X + 0.003, X * 10, X * 3)
    found = one("a.dat", content)
    assert found.energy_ev[0] == pytest.approx(7060.003)


def test_elements_are_summed_and_dead_ones_told() -> None:
    live = step(7112, 1000)
    content = "energy I0 mca1 mca2 mca3 ICR1\n" + text(X, X * 100, live, live * 2, X * 0, live * 9)
    found = one("a.dat", content)
    np.testing.assert_allclose(found.intensity, 3 * live / (X * 100), rtol=1e-6)
    assert any("left out: mca3" in warning for warning in found.warnings)


def test_two_detectors_are_two_spectra() -> None:
    content = "energy I0 Lytle mca1 mca2\n" + text(
        X, X * 100, step(7112, 5), step(7112, 1000), step(7112, 900)
    )
    assert len(read_bytes("a.dat", content.encode())) == 2


def test_the_line_of_an_element_with_an_edge_in_the_scan_is_the_signal() -> None:
    content = "energy I0 CuKa FeKa CaKa\n" + text(X, X * 100, X, step(7112, 1000), X * 2)
    found = one("a.dat", content)
    assert "intensity: FeKa/I0" in found.warnings
    assert any("without an edge in this scan" in warning for warning in found.warnings)


def test_a_total_goes_before_the_sum_of_its_elements() -> None:
    live = step(7112, 1000)
    content = "energy I0 FeKa_1 FeKa_2 FeKa_sum\n" + text(X, X * 100, live, live, 2 * live)
    found = one("a.dat", content)
    assert "intensity: FeKa_sum/I0" in found.warnings


def test_too_many_spectra_are_refused() -> None:
    rows = "".join(f"{e} {e}\n" for e in (7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007))
    with pytest.raises(ReadError, match="more than 2000 spectra"):
        read_bytes(
            "a.spec", "".join(f"#S {n} a\n#L Energy  mu\n{rows}\n" for n in range(2003)).encode()
        )


def test_lines_of_a_map_in_xdi_are_one_spectrum_each() -> None:
    content = xdi(
        {"Outer.name": "temperature", "Outer.value": "300"},
        rows=f"{ROWS}\n# Outer.value: 400\n{ROWS}",
    )
    found = read_bytes("a.xdi", content)
    assert [f.label for f in found] == ["temperature = 300", "temperature = 400"]
    assert {f.n_points for f in found} == {20}


def test_scans_one_after_the_other_in_xdi_are_one_spectrum_each() -> None:
    found = read_bytes("a.xdi", xdi(rows=f"{ROWS}\n{ROWS}"))
    assert [f.label for f in found] == ["scan 1", "scan 2"]
