"""The site's libraries of 3d L2,3 edges, taught by measured spectra."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.measured_made import Residual, made_query, residuals
from tests.benchmarks.measured_set import MAX_SHIFT_EV, Measured, curve_of

if TYPE_CHECKING:
    from compute.matching import Calibration, KnownPair, SpectrumLibrary
    from spectradb.services.matching.groups import Group

_TEACHING = 60  # made queries that teach how far compounds are told apart


@dataclass
class Site:
    """Libraries of the 3d L2,3 edges, and what their rows are of."""

    groups: list[Group]
    libraries: list[SpectrumLibrary]
    formula: dict[int, str]
    state: dict[int, float | None]

    @classmethod
    def of_database(cls) -> Site:
        from spectradb.models import Kind, Spectrum
        from spectradb.services.matching.groups import groups
        from spectradb.services.matching.index import refresh

        found = [one for one, _, _ in groups(edge="L23", kind=Kind.THEORY) if one.lines]
        rows = Spectrum.objects.filter(edge="L23", kind=Kind.THEORY)
        return cls(
            found,
            [refresh(one) for one in found],
            dict(rows.values_list("pk", "formula")),
            dict(rows.values_list("pk", "site__oxidation_state")),
        )

    def of(self, element: str) -> tuple[Group, SpectrumLibrary]:
        k = [one.absorber for one in self.groups].index(element)
        return self.groups[k], self.libraries[k]

    def pair(self, one: Measured) -> KnownPair | None:
        """What a measured spectrum teaches; None where its valence was never computed."""
        from compute.matching.region import edge_region
        from spectradb.services.matching.teaching import expectations

        group, library = self.of(one.element)
        (valence,) = one.valences
        label = expectations(group, library).group
        same = [pk for pk in label if self.state[int(str(pk))] == valence]
        if not same:
            return None
        ids = [pk for pk in same if self.formula[int(str(pk))] == one.compound]
        curve = edge_region(*curve_of(one), group.absorber, group.edge, library.grid, MAX_SHIFT_EV)
        return library.pair(*curve, group=label[same[0]], ids=ids)

    def taught(self, teachers: Iterable[Measured]) -> list[Calibration]:
        """Calibrations of all libraries by some measured spectra.

        How far compounds of one valence are to be told apart few of them can say: that comes from
        computed spectra with what theory missed the teachers by.
        """
        teachers = list(teachers)
        found = self._by_pairs(teachers)
        self.adopt(found)
        within = self._by_made(residuals(self, teachers)).posterior.temper
        return [replace(one, posterior=replace(one.posterior, temper=within)) for one in found]

    def _by_made(self, errors: list[Residual]) -> Calibration:
        from compute.matching import calibrate_together
        from spectradb.services.matching.teaching import EXPECTED, expectations

        rng = np.random.default_rng(15)
        known: dict[str, list[KnownPair]] = {one.absorber: [] for one in self.groups}
        labels: dict[str, dict[Any, int]] = {}
        for _ in range(_TEACHING if errors else 0):
            error = errors[int(rng.integers(len(errors)))]
            group, library = self.of(error.element)
            if error.element not in labels:
                labels[error.element] = dict(expectations(group, library).group)
            pk = library.ids[int(rng.integers(len(library)))]
            curve = made_query(library, pk, error, rng)
            label = labels[error.element][pk]
            known[error.element].append(library.pair(*curve, group=label, ids=[pk]))
        pairs = [
            (library, known[group.absorber])
            for group, library in zip(self.groups, self.libraries, strict=True)
        ]
        return calibrate_together(pairs, EXPECTED, max_shift_ev=MAX_SHIFT_EV, learn_errors=False)[0]

    def _by_pairs(self, teachers: list[Measured]) -> list[Calibration]:
        from compute.matching import calibrate_together
        from spectradb.services.matching.teaching import EXPECTED

        known: dict[str, list[KnownPair]] = {one.absorber: [] for one in self.groups}
        for one in teachers:
            if one.teaches and one.element in known and (pair := self.pair(one)) is not None:
                known[one.element].append(pair)
        return calibrate_together(
            [
                (library, known[group.absorber])
                for group, library in zip(self.groups, self.libraries, strict=True)
            ],
            EXPECTED,
            max_shift_ev=MAX_SHIFT_EV,
        )

    def adopt(self, calibrations: Iterable[Calibration]) -> None:
        for library, calibration in zip(self.libraries, calibrations, strict=True):
            library.adopt(calibration)
