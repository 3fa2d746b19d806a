"""Route ``cluster`` from the structure to the spectrum."""

from __future__ import annotations

import numpy as np
import pytest

from compute.library.crystals import crystal
from compute.routes import l23_spectrum
from compute.sites import analyze_sites


@pytest.mark.slow
def test_nickel_oxide_from_its_structure_alone() -> None:
    structure = crystal("rocksalt-NiO").structure()
    sites = analyze_sites(structure)
    site = next(s for s in sites if s.element == "Ni")
    found = l23_spectrum(structure, sites, site, "cluster")
    case = found.result["parameters"]
    # Wannier values of Haverkort et al., Phys. Rev. B 85 (2012) 165113: 2.06, 1.21 and 4.7 eV.
    v = np.diag(case["charge_transfer"]["v"])
    assert v[0] == pytest.approx(2.06, abs=0.5)
    assert v[2] == pytest.approx(1.21, abs=0.3)
    assert case["charge_transfer"]["delta"] == pytest.approx(4.7, abs=1.5)
    assert found.energy_ev[np.argmax(found.intensity)] == pytest.approx(853.2, abs=2.0)
    assert found.result["expectation"]["S2"] == pytest.approx(2.0, abs=0.1)  # 3d8, S = 1
