"""Columns that other instruments and programs write: never stored as a spectrum over energy."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import ReadError
from compute.io import read_bytes
from compute.io.choice import ColumnChoice
from compute.io.question import QuestionError
from tests.compute.io.samples import I0, IT, MU, E, fails, one, rows


@pytest.mark.parametrize("stamp", ["2024-03-02 10:{m:02d}:00", "10:{m:02d}:00"])
def test_a_column_of_time_stamps_in_front_is_left_out_and_the_labels_stay(stamp: str) -> None:
    rows = "".join(
        f"{stamp.format(m=k)},{8970 + k}.5,{1000 + k},{500 - 2 * k}\n" for k in range(30)
    )
    (one,) = read_bytes("scan.csv", f"time,energy,I0,It\n{rows}".encode())
    assert one.energy_ev[0] == 8970.5
    assert one.intensity == pytest.approx(
        np.log((1000 + np.arange(30)) / (500 - 2 * np.arange(30)))
    )


@pytest.mark.parametrize(
    "label",
    [
        "Wavelength (nm)",
        "Raman shift (cm-1)",
        "T(K)",
        "Binding Energy (eV)",
        "KE (eV)",
        "x (mm)",
        "Emission energy (eV)",
    ],
)
def test_an_abscissa_of_another_kind_is_no_photon_energy(label: str) -> None:
    table = "".join(f"{300 + k}\t{np.exp(-(((k - 20) / 5) ** 2)):.6f}\n" for k in range(40))
    assert label in fails("a.txt", f"{label}\tintensity\n{table}")


def test_a_label_that_names_no_energy_is_asked_for_in_the_range_of_motors() -> None:
    table = "".join(f"{300 + k} {np.exp(-(((k - 20) / 5) ** 2)):.6f}\n" for k in range(40))
    with pytest.raises(QuestionError, match="'samz' runs as one does"):
        read_bytes("scan.dat", f"# samz signal\n{table}".encode())
    asked = ColumnChoice(energy="samz")
    (answered,) = read_bytes("scan.dat", f"# samz signal\n{table}".encode(), columns=asked)
    assert answered.n_points == 40
    (mono,) = read_bytes("scan.dat", f"# Mono signal\n{table}".encode())
    assert mono.energy_ev[0] == 300


@pytest.mark.parametrize("line", ["Emission energy (eV) intensity", "Raman shift (cm-1) counts"])
def test_a_line_of_labels_of_several_words_that_names_another_axis_is_asked_about(
    line: str,
) -> None:
    table = "".join(f"{300 + k} {np.exp(-(((k - 20) / 5) ** 2)):.6f}\n" for k in range(40))
    with pytest.raises(ReadError):
        read_bytes("scan.dat", f"# {line}\n{table}".encode())
    asked = ColumnChoice(energy="1")
    assert read_bytes("scan.dat", f"# {line}\n{table}".encode(), columns=asked)[0].n_points == 40


def test_energies_that_start_at_zero_are_relative_and_refused() -> None:
    table = "".join(f"{0.2 * k:.1f} {np.tanh((k - 50) / 9):.5f}\n" for k in range(200))
    assert "start at 0" in fails("a.txt", f"# energy mu\n{table}")


def test_energies_in_rydberg_become_ev_and_arbitrary_units_are_refused() -> None:
    table = "".join(f"{60 + 0.1 * k:.1f} {np.tanh((k - 50) / 9):.5f}\n" for k in range(200))
    (one_,) = read_bytes("a.csv", f"Energy (Ry),mu\n{table.replace(' ', ',')}".encode())
    assert one_.energy_ev[0] == pytest.approx(60 * 13.605693)
    assert "a.u." in fails("a.csv", f"Energy (a.u.),mu\n{table.replace(' ', ',')}")


def test_chambers_without_a_role_are_a_question_not_three_samples() -> None:
    table = rows(E, I0, IT, [v / 2 for v in IT])
    with pytest.raises(QuestionError, match="which of its columns is the spectrum"):
        read_bytes("a.dat", f"# Energy(eV) IonChamber0 IonChamber1 IonChamber2\n{table}".encode())


def test_currents_of_chambers_that_grow_weaker_are_no_samples() -> None:
    currents = [[value * 1e-12 for value in column] for column in (I0[::-1], IT)]
    with pytest.raises(QuestionError, match="which of its columns is the spectrum"):
        read_bytes("a.dat", f"# Energy[eV] Keithley0 Keithley1\n{rows(E, *currents)}".encode())


def test_the_corrected_energy_goes_before_the_one_as_read() -> None:
    table = rows([e - 3 for e in E], E, I0, IT)
    assert one("a.dat", f"# energy energy_corrected i0 it\n{table}").energy_ev[0] == E[0]


def test_a_logarithm_of_transmitted_over_incident_is_not_taken_upside_down() -> None:
    table = rows(E, I0, IT, np.log(np.array(IT) / I0))
    found = one("a.dat", f"# energy i0 it ln(it/i0)\n{table}")
    assert found.intensity == pytest.approx(MU, abs=1e-4)


def test_energies_in_kev_that_a_file_calls_ev_are_no_spectrum_of_its_edge() -> None:
    text = "# XDI/1.0\n# Column.1: energy {unit}\n# Column.2: mutrans\n# Element.symbol: {of}\n"
    text += "# Element.edge: K\n# Mono.d_spacing: 3.1356\n# ///\n#----\n"
    table = rows([e / 1000 for e in E], MU)
    assert "keV" in fails("a.xdi", text.format(unit="eV", of="Fe") + table)
    assert one("a.xdi", text.format(unit="keV", of="Fe") + table).energy_ev[0] == E[0]
