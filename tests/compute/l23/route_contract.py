"""What every route to L2,3 keeps to, whoever has its parameters made."""

from __future__ import annotations

import numpy as np
import pytest

from compute.l23.prepared import PreparedCase
from compute.multiplet.case import parse_case

REFUSED = [
    ("rocksalt-NiO", "O", {}, "no 3d ion"),
    ("rocksalt-NiO", "Ni", {"oxidation_state": 12.0}, "no 3d ion"),
    ("CuO", "Cu", {"oxidation_state": 1.0}, "shell is full"),
    ("rocksalt-FeO", "Fe", {"oxidation_state": 0.0}, "no ion"),
    ("rocksalt-FeO", "Fe", {"coordination_number": 0}, "no ligands"),
]
"""Crystal, element, what is changed of its site, and words of the refusal."""


def check_cubic(case: PreparedCase, offset_ev: float) -> None:
    """Parameters of an ion of a cubic perovskite."""
    parsed = parse_case(case.case())
    for field in parsed.fields:
        for matrix in field.matrices:
            cubic = np.diag(np.repeat([matrix[0, 0], matrix[2, 2]], [2, 3]))
            assert matrix == pytest.approx(cubic, abs=1e-5)
    assert np.trace(case.crystal_field) == pytest.approx(0.0, abs=1e-9)
    assert 0.5 < case.ten_dq < 3.0
    assert case.energy_offset_err > 0.0
    assert case.energy_offset_ev == pytest.approx(offset_ev, abs=5.0)
