"""Output of programs becomes theory that names the program; measured files never do."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import ReadError
from compute.io import read_bytes
from tests.compute.io.samples import one
from tests.compute.io.test_several import X, step, text

FEFF = """# Cu crystal                    {version}
# Abs   Z=29 Rmt= 1.302 Rnm= 1.432 {shell} shell
# Mu=-4.4800E+00 kf=1.7800E+00 Vint=-1.6500E+01 Rs_int= 2.0
# xsedge+ 50, used to normalize mu           3.5600E-04
#  -----------------------------------------------------------------------
{labels}
"""
LABELS = "# omega    e    k    mu    mu0     chi     @#"


def feff(version: str = "FEFF9", shell: str = "K", labels: str = LABELS) -> str:
    omega = X + 1860
    rows = text(omega, X - 7100, (X - 7100) / 20, step(7110), step(7111), X * 0)
    return FEFF.format(version=version, shell=shell, labels=labels) + rows


@pytest.mark.parametrize("version", ["FEFF9", "Feff 8.40", "FEFF10.0", "feff85exafs"])
@pytest.mark.parametrize(("shell", "edge"), [("K", "K"), ("L3", "L3"), ("L1", "L1")])
def test_feff_xmu_is_theory_over_omega(version: str, shell: str, edge: str) -> None:
    found = one("xmu.dat", feff(version, shell))
    assert (found.kind, found.code, found.element, found.edge) == ("theory", "FEFF", "Cu", edge)
    assert found.energy_ev[0] == 8920
    np.testing.assert_allclose(found.intensity, step(7110), rtol=1e-6)


FDMNES = """{mark}FDMNES program, Revision 20th of January 2022
{mark}   Date = 21 01 2022
 {edge}
    Energy    <xanes>
"""
FULL = "8333.0   28  1  1  0.0  0.0 = E_edge, Z, n_edge, j_edge, Abs_before_edge"
CONVOLUTED = "# 8333.0   1.25  15.0   0.0 = E_edge, Gamma_hole, Gamma_max, E_cut"


@pytest.mark.parametrize(("edge", "element"), [(FULL, "Ni"), (CONVOLUTED, None)])
def test_fdmnes_energies_are_counted_from_the_edge_it_states(
    edge: str, element: str | None
) -> None:
    content = FDMNES.format(mark="# ", edge=edge) + text(X - 7100, step(7112))
    found = one("out.txt", content)
    assert (found.kind, found.code, found.element) == ("theory", "FDMNES", element)
    assert found.energy_ev[0] == pytest.approx(8333 - 40)
    assert found.code_version == "Revision 20th of January 2022"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("# Calculated with OCEAN 3.1", "OCEAN"),
        ("# program: Quanty", "Quanty"),
        ("# VASP version 6.3", "VASP"),
        ("# simulated using the code FDMNES", "FDMNES"),
        ("# final state angular momentum: 1", "XSpectra"),
    ],
)
def test_a_header_that_says_which_program_wrote_it_makes_theory(line: str, code: str) -> None:
    found = one("a.dat", f"{line}\n# energy intensity\n" + text(X, step(7112)))
    assert (found.kind, found.code) == ("theory", code)


def test_relative_energies_of_a_program_without_an_edge_are_refused() -> None:
    content = "# final state angular momentum: 1\n# Energy sigmatot\n" + text(X - 7100, step(7112))
    with pytest.raises(ReadError, match="calculated with XSpectra.*relative"):
        read_bytes("xanes.dat", content.encode())


@pytest.mark.parametrize(
    "line",
    [
        "# fitted with paths of FEFF",
        "# Comment: compare with the FDMNES of Peter",
        "# sample: orca whale tooth",
        "# exciting results of today",
    ],
)
def test_a_measured_file_that_names_a_program_stays_a_measurement(line: str) -> None:
    found = one("a.dat", f"{line}\n# energy mu\n" + text(X, step(7112)))
    assert (found.kind, found.code) == ("experiment", "")
