"""The 9809 format: angles, modes, channels, and what its faults say."""

from __future__ import annotations

import numpy as np
import pytest

from compute.io import read_bytes
from tests.compute.io.samples import (
    ROWS,
    fails,
    kek,
    one,
)


@pytest.mark.parametrize("facility", ["KEK-PF", "SPring-8", "SAGA-LS", "AichiSR"])
def test_9809_angles_become_energies_by_the_format_s_own_constant(facility: str) -> None:
    found = one("a.dat", kek(facility))
    energy = 12398.52 / (2 * 3.13551 * np.sin(np.deg2rad([14.3001, 14.2801, 14.2601])))
    np.testing.assert_allclose(found.energy_ev, energy, rtol=1e-14)
    np.testing.assert_allclose(found.intensity, np.log([2, 2.5, 10 / 3]), rtol=1e-14)
    assert (found.format, found.mode, found.measurement.facility) == (
        "9809",
        "transmission",
        facility,
    )
    assert (found.element, found.edge) == (None, None)
    assert "which element and edge" in found.warnings[-1]
    assert found.measurement.date is not None
    assert found.measurement.date.year == 2022


def test_9809_may_end_in_control_z() -> None:
    assert one("a.dat", kek() + "\x1a\n").n_points == 3


def test_9809_fluorescence_channels_are_summed_and_rates_are_no_signal() -> None:
    rows = "".join(
        f"  {14.3 - 0.02 * i:.5f}  {14.3 - 0.02 * i:.5f}      1.00    10    20  1000    77    5\n"
        for i in range(3)
    )
    modes = "         3         3         1       103       101"
    found = one("a.dat", kek(modes=modes, rows=rows))
    assert found.mode == "fluorescence"
    np.testing.assert_allclose(found.intensity, 0.03)
    assert any("2 fluorescence channels are summed" in text for text in found.warnings)


def test_9809_channels_that_count_nothing_are_left_out_and_told() -> None:
    rows = "".join(
        f"  {14.3 - 0.02 * i:.5f}  {14.3 - 0.02 * i:.5f}      1.00    10    0    20  1000\n"
        for i in range(3)
    )
    found = one("a.dat", kek(modes="  3  3  3  1", rows=rows))
    np.testing.assert_allclose(found.intensity, 0.03)
    assert any("1 of 3 fluorescence channels count nothing" in text for text in found.warnings)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_9809_needs_no_name_of_a_beamline(newline: str) -> None:
    text = kek().replace("   BL12C\n", "\n", 1).replace("\n", newline)
    found = one("a.dat", text)
    assert (found.measurement.facility, found.measurement.beamline) == ("KEK-PF", None)


def test_9809_with_transmission_and_fluorescence_gives_both() -> None:
    rows = "".join(
        f"  {14.3 - 0.02 * i:.5f}  {14.3 - 0.02 * i:.5f}      1.00    1000  500  20\n"
        for i in range(3)
    )
    found = read_bytes("a.dat", kek(modes="  1  2  3", rows=rows).encode())
    assert [spectrum.mode for spectrum in found] == ["transmission", "fluorescence"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (kek().replace("D=", "X="), "line 5: the crystal's spacing"),
        (kek().replace("      Mode", "      Made"), "the line 'Mode' is missing"),
        (kek(modes="  2  2"), "names no I0"),
        (kek(rows=ROWS + "  14.2 14.2 1.0 nonsense 3\n"), "line 18: "),
        (kek(rows=ROWS + "  14.2 14.2 1.0 3\n"), "line 18: 4 columns, but Mode names 5"),
        (kek(rows=""), "no data after the line 'Offset'"),
    ],
)
def test_9809_faults_name_their_line(text: str, said: str) -> None:
    assert said in fails("a.dat", text)
