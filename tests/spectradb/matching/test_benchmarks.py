"""What the benchmarks of matching and of line shapes count."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from compute.l23.spectrum import STEP_EV
from compute.matching.grid import ComparisonGrid
from spectradb.models import Site as SiteRow
from tests.benchmarks.library_spectra import stored
from tests.benchmarks.measured_made import Residual, made_claims
from tests.factories import make_site, make_spectrum, make_structure

MADE_OF = 100  # candidates of one valence, alike


class _Alike:
    """A library in which all candidates are of one valence and equally likely."""

    ids = list(range(MADE_OF))
    grid = ComparisonGrid(0.0, 0.2, 101, 0.2)

    def __len__(self) -> int:
        return MADE_OF

    def row_laid(self, _: Any) -> np.ndarray:
        return np.exp(-((self.grid.energy_ev - 10.0) ** 2))

    def match(self, *_: Any, top: int | None, **__: Any) -> SimpleNamespace:
        every = [SimpleNamespace(spectrum_id=k, probability=0.98 / MADE_OF) for k in self.ids]
        return SimpleNamespace(matches=every[:top], none_of_these=0.02)


class _Site:
    state = dict.fromkeys(range(MADE_OF), 2.0)
    formula = dict.fromkeys(range(MADE_OF), "MnO")

    def adopt(self, _: Any) -> None:
        """Nothing is learnt."""

    def of(self, _: str) -> tuple[None, _Alike]:
        return None, _Alike()


def test_made_queries_claim_what_all_candidates_of_a_valence_add_up_to():
    error = Residual("Mn", 0, np.zeros(_Alike.grid.size), 0.2, 0.1)
    valence, compound, rejected = made_claims(_Site(), [error], [[]], 3)  # type: ignore[arg-type]
    assert valence.probability == pytest.approx([0.98] * 3)
    assert compound.probability == pytest.approx([0.98] * 3)
    assert rejected == [False] * 3


PARAMETERS = {"final": {"zeta_2p": 11.5}}


def _site(structure: Any, index: int, **fields: Any) -> SiteRow:
    return make_site(structure, index=index, **fields)


def _computed(site: SiteRow, height: float, **fields: Any) -> None:
    energy = 850.0 + STEP_EV * np.arange(101)
    make_spectrum(
        structure=site.structure, site=site, energy=energy, intensity=np.full(101, height),
        calculation_route="cluster", calculation_parameters=PARAMETERS, **fields,
    )  # fmt: skip


@pytest.mark.django_db
def test_a_compound_is_the_sum_over_its_sites_each_as_often_as_it_occurs():
    structure = make_structure("NiO")
    for index, (often, height) in enumerate(((3, 1.0), (1, 5.0))):
        _computed(_site(structure, index, multiplicity=often), height)
    (one,) = stored("Ni", "cluster", ["rocksalt-NiO"])
    assert one.computed.intensity == pytest.approx(np.full(101, 2.0))
    assert one.computed.splitting == pytest.approx(17.25)
    assert one.state == 2.0
    assert one.computed.crystal == "rocksalt-NiO"  # by formula and space group


@pytest.mark.django_db
def test_made_crystals_mixed_ones_and_those_of_which_a_site_is_missing_are_left_out():
    made, mixed, partial = make_structure("NiO", hypothetical=True), *(
        make_structure("NiO") for _ in range(2)
    )  # fmt: skip
    _computed(_site(made, 0), 1.0)
    _computed(_site(mixed, 0, occupancy=0.5), 1.0)
    _computed(_site(partial, 0), 1.0)
    _site(partial, 1)
    assert stored("Ni", "cluster", ()) == []


@pytest.mark.django_db
def test_a_crystal_of_another_space_group_keeps_its_own_name_and_mixed_states_have_none():
    structure = make_structure("NiO", space_group_number=194, source_id="mp-7")
    _computed(_site(structure, 0, oxidation_state=2.0), 1.0)
    _computed(_site(structure, 1, oxidation_state=3.0), 1.0)
    (one,) = stored("Ni", "cluster", ["rocksalt-NiO"])
    assert one.computed.crystal == "mp-7"
    assert one.state is None
