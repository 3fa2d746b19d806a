"""Indexes of large groups are built in parts, and one odd spectrum does not stop the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from compute.matching import SpectrumLibrary
from spectradb.services.matching import index
from spectradb.services.matching.groups import Group
from tests.factories import lorentzians, make_spectrum

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_indexes")]
GROUP = Group("Ni", "L23", "theory")
N = 11


def published(low_ev: float = 845.0, high_ev: float = 885.0, shift_ev: float = 0.0) -> int:
    energy = np.linspace(low_ev, high_ev, 401)
    peaks = ((853.0 + shift_ev, 0.3, 1.0), (870.5, 0.5, 0.5))
    return make_spectrum(energy=energy, intensity=lorentzians(energy, peaks)).pk


def built(numbers: Sequence[int]) -> SpectrumLibrary:
    return index._built(GROUP, set(numbers))


def test_an_index_that_is_built_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [published(shift_ev=0.1 * k) for k in range(N)]
    whole = built(numbers)
    monkeypatch.setattr(index, "_LOOKED_AT", 4)
    monkeypatch.setattr(index, "_PART", 3)
    at_once: list[int] = []
    curves = index._curves

    def counted(group: Group, wanted: set[int]) -> Any:
        at_once.append(len(wanted))
        return curves(group, wanted)

    monkeypatch.setattr(index, "_curves", counted)
    parted = built(numbers)
    assert max(at_once) == 4
    assert sum(at_once) == N
    assert parted.grid == whole.grid
    assert sorted(parted.ids) == sorted(whole.ids) == numbers  # type: ignore[type-var]
    for one in numbers:
        rows = [made._rows.values[made.ids.index(one)] for made in (whole, parted)]
        np.testing.assert_allclose(rows[0], rows[1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("looked_at", [2, 2_000])
def test_a_spectrum_of_too_few_energies_stays_out(
    looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [published(shift_ev=0.1 * k) for k in range(4)]
    short = published(845.0, 856.0)
    monkeypatch.setattr(index, "_LOOKED_AT", looked_at)
    assert sorted(built([*numbers, short]).ids) == numbers  # type: ignore[type-var]
