"""Predict the spectra of structures, each with its error bars and the trust it deserves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction
from django.db.models import QuerySet
from numpy.typing import NDArray

from compute.errors import InputError, ReadError
from compute.sites import analyze_sites
from ml.data import Dataset
from ml.errors import LearningError
from spectradb.models import Prediction, Structure
from spectradb.services.imports.structure_files import read_each
from spectradb.services.learning.stored import stored_model, training_keys
from spectradb.services.learning.training_data import crystal_of

if TYPE_CHECKING:
    from pymatgen.core import Structure as PymatgenStructure


HIGH_TRUST, MEDIUM_TRUST = 0.7, 0.4
KNOWN = "High: the model was trained on this structure"
UNBONDED = re.compile(r"Low: trained on no (?P<absorber>\w+) bonded to (?P<ligands>.+)")
LACKING = re.compile(r"Low: trained on crystals with (?P<elements>.+) alone")
"""What :func:`trust_in_words` says of these, for a page that says it in its reader's language."""


@dataclass(frozen=True)
class PredictedSite:
    """One absorbing site, or the reason why there is none."""

    file: str
    source_id: str
    formula: str
    site_index: int | None
    element: str
    model: str
    energy_ev: NDArray[np.float64] | None = None
    intensity: NDArray[np.float64] | None = None
    sigma: NDArray[np.float64] | None = None
    trust: float | None = None
    neighbours: tuple[tuple[str, int], ...] = ()
    error: str = ""
    warnings: tuple[str, ...] = ()
    known: bool = False  # the model was trained on this site
    unbonded: tuple[str, ...] = ()  # bonded to the absorber as in no training row
    lacking: tuple[str, ...] = ()  # in every training row, and not in this crystal
    unseen: tuple[str, ...] = ()  # in this crystal, and in no training row


class Predictor:
    """A stored model, ready to answer for any number of structures."""

    def __init__(self, name: str) -> None:
        self.row, self.model = stored_model(name)
        self._keys = training_keys(name)
        if not self.row.absorber:
            raise LearningError("model", name, "was trained on several absorbers")

    def of_files(self, paths: list[Path], *, space_group: str = "") -> Iterator[PredictedSite]:
        """Every absorbing site of every structure; what fails or is doubted stops nothing else."""
        for path in paths:
            for one in read_each(path, space_group=space_group):
                if isinstance(one, ReadError):
                    yield self._failed(str(path), path.stem, "", "; ".join(one.errors))
                    continue
                name = one.source_id or path.stem
                if one.unpredicted:
                    formula = one.structure.composition.element_composition.reduced_formula
                    yield self._failed(
                        str(path), name, formula, f"not predicted: {one.unpredicted}"
                    )
                    continue
                told = tuple(finding.text for finding in one.findings)
                for site in self.of_structure(one.structure, str(path), name):
                    yield replace(site, warnings=told)

    def of_structure(
        self, structure: PymatgenStructure, file: str, source_id: str
    ) -> list[PredictedSite]:
        """Each symmetry-distinct absorbing site of a structure."""
        formula = structure.composition.reduced_formula
        try:
            sites: dict[int, float | None] = {
                site.index: site.oxidation_state
                for site in analyze_sites(structure)
                if site.element == self.row.absorber
            }
            if not sites:
                raise LearningError(
                    "structure", formula, f"holds no {self.row.absorber}, which the model is for"
                )
            return self.of_sites(structure.as_dict(), sites, file, source_id, formula)
        except (LearningError, InputError) as error:
            return [self._failed(file, source_id, formula, str(error))]
        # A descriptor may meet a structure that nobody thought of (a lone atom): its failure alone.
        except (ValueError, ArithmeticError, IndexError) as error:
            why = f"the model cannot take this structure ({type(error).__name__}: {error})"
            return [self._failed(file, source_id, formula, why)]

    def of_rows(self, structures: QuerySet[Structure]) -> Iterator[PredictedSite]:
        """Predict stored structures and keep the answers as Predictions."""
        for row in structures.prefetch_related("sites").iterator(200):
            sites = {s.index: s for s in row.sites.all() if s.element == self.row.absorber}
            if not sites:
                continue
            if why := row.unpredicted:
                yield self._failed("", row.source_id, row.formula, f"not predicted: {why}")
                continue
            try:
                valence = {index: site.oxidation_state for index, site in sites.items()}
                found = self.of_sites(row.data, valence, "", row.source_id, row.formula)
            except LearningError as error:
                yield self._failed("", row.source_id, row.formula, str(error))
                continue
            except (ValueError, ArithmeticError, IndexError) as error:
                why = f"the model cannot take this structure ({type(error).__name__}: {error})"
                yield self._failed("", row.source_id, row.formula, why)
                continue
            with transaction.atomic():
                for one in found:
                    if one.site_index is None or one.trust is None:
                        continue
                    Prediction.objects.update_or_create(
                        model=self.row,
                        structure=row,
                        site_index=one.site_index,
                        defaults={
                            "site": sites[one.site_index],
                            "absorber": self.row.absorber,
                            "edge": self.row.edge,
                            "trust": one.trust,
                            "trust_reason": trust_in_words(one),
                            "neighbours": [list(key) for key in one.neighbours],
                            "energy": one.energy_ev,
                            "intensity": one.intensity,
                            "sigma": one.sigma,
                        },
                    )
            yield from found

    def of_sites(
        self,
        structure: dict[str, Any],
        sites: Mapping[int, float | None],
        file: str,
        source_id: str,
        formula: str,
    ) -> list[PredictedSite]:
        """These atoms (each with its oxidation state, if known) of a structure, given as
        pymatgen's own dictionary.

        Raises
        ------
        LearningError
            If the model cannot take the structure.
        """
        crystal = crystal_of(structure, source_id)
        energy = self.model.energy_ev
        data = Dataset(
            energy,
            [crystal],
            np.zeros(len(sites), dtype=np.int64),
            np.array(list(sites), dtype=np.int64),
            np.zeros((len(sites), energy.size), dtype=np.float32),
            valence=self._valence(sites, formula),
        )
        predicted = self.model.answer(data)
        return [
            PredictedSite(
                file,
                source_id,
                formula,
                site,
                self.row.absorber,
                self.row.name,
                energy,
                predicted.mean[at],
                predicted.sigma[at],
                float(predicted.trust[at]),
                tuple((self._keys[i][0], self._keys[i][2]) for i in predicted.neighbours[at]),
                known=predicted.known is not None and bool(predicted.known[at]),
                unbonded=_symbols(predicted.unbonded, at),
                unseen=_symbols(predicted.unseen, at),
                lacking=_symbols(predicted.lacking, at),
            )
            for at, site in enumerate(sites)
        ]

    def _valence(
        self, sites: Mapping[int, float | None], formula: str
    ) -> NDArray[np.float64] | None:
        known = [value for value in sites.values() if value is not None and np.isfinite(value)]
        if len(known) == len(sites):
            return np.array(known)
        if self.row.edge == "K":  # such a model does not ask for it
            return None
        raise LearningError("structure", formula, "the absorber's oxidation state is not known")

    def _failed(self, file: str, source_id: str, formula: str, why: str) -> PredictedSite:
        return PredictedSite(
            file, source_id, formula, None, self.row.absorber, self.row.name, error=why
        )


def trust_in_words(one: PredictedSite) -> str:
    """High ≥ 0.7, medium ≥ 0.4, low; with the reason."""
    if one.trust is None:
        return one.error
    if one.known:
        return KNOWN
    if one.unbonded:
        ligands = ", ".join(one.unbonded)
        return f"Low: trained on no {one.element} bonded to {ligands}"
    if one.lacking:
        return f"Low: trained on crystals with {', '.join(one.lacking)} alone"
    nearest = one.neighbours[0][0] if one.neighbours else "nothing"
    new = f"trained on no crystal with {', '.join(one.unseen)}; " if one.unseen else ""
    if one.trust >= HIGH_TRUST:
        return "High"
    if one.trust >= MEDIUM_TRUST:
        return f"Medium: {new}the nearest training structure is {nearest}"
    return f"Low: {new}unlike the training structures; the nearest is {nearest}"


def _symbols(numbers: Sequence[tuple[int, ...]] | None, at: int) -> tuple[str, ...]:
    """Elements of row ``at``, as they are written."""
    from pymatgen.core import Element

    return () if numbers is None else tuple(Element.from_Z(z).symbol for z in numbers[at])
