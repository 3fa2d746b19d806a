"""The place of computed spectra on the absolute energy scale, and how well it is known.

The engine's energies are relative to the difference of configuration averages. What must be
added, ``energy_offset_ev``, is known from references of two kinds (``anchors.json``): compounds
whose L3 maximum was measured (by ``compute.l23.fitting.cheap_anchors``), and families of sites that
route ``cluster`` has computed, whose scale is that of total energies (by
``tests.benchmarks.cheap_computed``). Elsewhere a Gaussian process predicts it from those: a plane
in 2p binding energy and valence, ``E_b(2p3/2, metal) + ζ_2p/2 + a + b v``, and departures from it
that compounds of one element share, all of them, those with softer or harder ligands, and those of
the same number of ligands below six. The errors of computed references are those of a theory: a
part common to all, of which nothing is taken to be known, a part of an element, and a part of a
family. Binding energies of the metals: J. C. Fuggle and N. Mårtensson, J. Electron Spectrosc. 21
(1980) 275.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.l23.charge_transfer import OPTICAL_ELECTRONEGATIVITY, mean_electronegativity

if TYPE_CHECKING:
    from compute.sites import Site

FloatArray = NDArray[np.float64]

ANCHORS = Path(__file__).with_name("anchors.json")
METAL_2P32_EV = {
    "Sc": 398.7, "Ti": 453.8, "V": 512.1, "Cr": 574.1, "Mn": 638.7,
    "Fe": 706.8, "Co": 778.1, "Ni": 852.7, "Cu": 932.7, "Zn": 1021.8,
}  # fmt: skip
_UNKNOWN_EV = 20.0  # of a and b, and of what is common to all computed: no prior to speak of
_OCTAHEDRON = 6


@dataclass(frozen=True)
class Sizes:
    """Standard deviations, eV (``compute.l23.fitting.cheap_anchors --sizes`` repeats the fits).

    Attributes
    ----------
    element : float
        Departure from the plane that compounds of one element share.
    ligand : float
        What they share per unit of optical electronegativity of the ligands from oxide.
    coordination : float
        What they share with the same number of ligands below six.
    site : float
        Of single sites about their family.
    family : float
        Of the theory's families (ion, ligands, coordination) about what is above.
    theory : float
        What computed references of one element are wrong by, beside a constant of all: rounded,
        the likelihood hardly tells 0.1 from 0.5.
    """

    element: float = 1.98
    ligand: float = 0.31
    coordination: float = 0.25
    site: float = 0.27
    family: float = 0.20
    theory: float = 0.3


SIZES = Sizes()


@dataclass(frozen=True)
class Kind:
    """What decides the offset of a site.

    Attributes
    ----------
    element : str
    valence : float
    softness : float
        Optical electronegativity of oxide less that of the ligands, mean.
    ligands : int
        Coordination number.
    """

    element: str
    valence: float
    softness: float = 0.0
    ligands: int = 6


def kind_of(site: Site) -> Kind:
    """The kind of a site."""
    oxide = OPTICAL_ELECTRONEGATIVITY["O"]
    return Kind(
        site.element,
        site.oxidation_state,
        oxide - mean_electronegativity(site.ligand_elements),
        site.coordination_number,
    )


@dataclass(frozen=True, eq=False)
class References:
    """Where references put the scale.

    Attributes
    ----------
    kinds : sequence of Kind
    offsets : float64 (n,)
    errors : float64 (n,)
        Of measured references the measurement's; zero of computed ones.
    sites : float64 (n,)
        How many sites an offset is the mean of.
    computed : bool (n,)
    """

    kinds: Sequence[Kind]
    offsets: FloatArray
    errors: FloatArray
    sites: FloatArray
    computed: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_]) -> References:
        """Those of them that are chosen."""
        kinds = [kind for kind, one in zip(self.kinds, chosen, strict=True) if one]
        return References(
            kinds,
            self.offsets[chosen],
            self.errors[chosen],
            self.sites[chosen],
            self.computed[chosen],
        )

    def beyond_metal(self) -> FloatArray:
        """Offsets less those of the metals, eV."""
        metals: FloatArray = np.array([zero_of(kind.element) for kind in self.kinds])
        return self.offsets - metals

    def covariance(self, sizes: Sizes = SIZES) -> FloatArray:
        """Of the offsets, their own errors included, eV²."""
        alike = _same_element(self.kinds, self.kinds)
        theory = _UNKNOWN_EV**2 + sizes.theory**2 * alike + sizes.family**2 * np.eye(len(alike))
        both = np.outer(self.computed, self.computed)
        own = np.diag(self.errors**2 + sizes.site**2 / self.sites)
        total: FloatArray = shared(self.kinds, self.kinds, sizes) + own
        return total + np.where(both, theory, 0.0)


def measured_and_computed(table: Mapping[str, Any]) -> References:
    """All references of ``anchors.json``, measured ones first."""
    measured, computed = table["references"], table["computed"]
    rows = [*measured, *computed]
    return References(
        [
            Kind(str(r["element"]), float(r["valence"]), float(r["softness"]), int(r["ligands"]))
            for r in rows
        ],
        np.array([float(row["offset_ev"]) for row in rows]),
        np.array([float(row.get("error_ev", 0.0)) for row in rows]),
        np.array([float(row.get("sites", 1)) for row in rows]),
        np.arange(len(rows)) >= len(measured),
    )


class Scale:
    """Offsets of any kind of site by the references given."""

    def __init__(self, references: References, sizes: Sizes = SIZES) -> None:
        self._kinds, self._sizes = references.kinds, sizes
        self._inverse = np.linalg.inv(references.covariance(sizes))
        self._weighted = self._inverse @ references.beyond_metal()

    def at(self, kind: Kind) -> tuple[float, float]:
        """Offset of a site of this kind, and its standard error, eV."""
        mean, covariance = self.together([kind])
        error = np.sqrt(max(covariance[0, 0], 0.0) + self._sizes.site**2)
        return zero_of(kind.element) + float(mean[0]), float(error)

    def together(self, kinds: Sequence[Kind]) -> tuple[FloatArray, FloatArray]:
        """Offsets less those of the metals of several kinds, and their covariance, eV and eV²."""
        towards = shared(kinds, self._kinds, self._sizes)
        covariance = shared(kinds, kinds, self._sizes) - towards @ self._inverse @ towards.T
        return towards @ self._weighted, covariance


def energy_offset(site: Site) -> tuple[float, float]:
    """What to add to relative energies, and its standard error, both eV."""
    mean, error = _scale().at(kind_of(site))
    return round(mean, 3), round(error, 2)


def shared(some: Sequence[Kind], others: Sequence[Kind], sizes: Sizes = SIZES) -> FloatArray:
    """Covariances of the offsets of kinds, eV²."""
    valence, softness, ligands = (
        [np.array([getattr(kind, name) for kind in kinds]) for kinds in (some, others)]
        for name in ("valence", "softness", "ligands")
    )
    few = (ligands[0][:, None] == ligands[1]) & (ligands[1] < _OCTAHEDRON)
    departures = (
        sizes.element**2 + sizes.ligand**2 * np.outer(*softness) + sizes.coordination**2 * few
    )
    plane = _UNKNOWN_EV**2 * (1.0 + np.outer(*valence))
    total: FloatArray = plane + _same_element(some, others) * departures
    return total


def _same_element(some: Sequence[Kind], others: Sequence[Kind]) -> NDArray[np.bool_]:
    return np.array([[a.element == b.element for b in others] for a in some])


@cache
def zero_of(element: str) -> float:
    """2p binding energy of the metal, averaged over spin-orbit partners' centroid: E + ζ/2, eV."""
    from compute.atom import atomic_parameters

    if element not in METAL_2P32_EV:
        raise InputError("element", element, f"known: {', '.join(METAL_2P32_EV)}")
    zeta = atomic_parameters(element, 2)["final"]["zeta_2p"]
    return METAL_2P32_EV[element] + zeta / 2.0


@cache
def _scale() -> Scale:
    return Scale(measured_and_computed(json.loads(ANCHORS.read_text(encoding="utf-8"))))
