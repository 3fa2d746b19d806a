"""The place of computed spectra on the absolute energy scale, and how well it is known.

The engine's energies are relative to the difference of configuration averages. What must be
added, ``energy_offset_ev``, is known where a compound was measured: its L3 maximum less the
computed relative one (``anchors.json``, by ``compute.l23.fitting.cheap_anchors``). Elsewhere it
is predicted from those by a Gaussian process: a plane in 2p binding energy and valence,
``E_b(2p3/2, metal) + ζ_2p/2 + a + b v``, and departures from it that compounds share which have the
element, the ion, or the ligand and coordination in common. So the offset of an ion draws on its own
reference first, then on the element's others; and the error grows with what a site shares with no
reference (a sulphide, a tetrahedron). Binding energies of the metals: J. C. Fuggle and
N. Mårtensson, J. Electron Spectrosc. 21 (1980) 275.
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
# Standard deviations of the departures from the plane, eV: what compounds of one element, of one
# ion, and of one kind of ligand share. The first two make the errors of left-out references theirs
# (docs/measurements/cheap.md); the last is that a ligand one unit of optical electronegativity
# away, or another coordination, may shift the scale by as much as a unit of valence does.
OF_ELEMENT_EV, OF_ION_EV = 0.7, 0.4
OF_LIGAND_EV, OF_COORDINATION_EV = 2.5, 1.2
_OF_PLANE_EV = 20.0  # of a and b: no prior to speak of


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


def energy_offset(site: Site) -> tuple[float, float]:
    """What to add to relative energies, and its standard error, both eV."""
    references = _table()["references"]
    kinds = [_kind(entry) for entry in references]
    offsets = np.array([float(entry["offset_ev"]) for entry in references])
    errors = np.array([float(entry["error_ev"]) for entry in references])
    mean, error = predicted(kind_of(site), kinds, offsets, errors)
    return round(mean, 3), round(error, 2)


def predicted(
    kind: Kind, known: Sequence[Kind], offsets: FloatArray, errors: FloatArray
) -> tuple[float, float]:
    """Offset of a kind from those of references, and its standard error, eV.

    Parameters
    ----------
    offsets, errors : float64 (n,)
        Of the references ``known``; the error is that of the measurement.
    """
    zero = np.array([zero_of(one.element) for one in known])
    among = _shared(known, known) + np.diag(errors**2)
    towards = _shared([kind], known)[0]
    weights = np.linalg.solve(among, towards)
    variance = float(_shared([kind], [kind])[0, 0] - weights @ towards)
    mean = zero_of(kind.element) + float(weights @ (offsets - zero))
    return mean, float(np.sqrt(max(variance, 0.0)))


def _shared(some: Sequence[Kind], others: Sequence[Kind]) -> FloatArray:
    """Covariances, eV²."""

    def one(a: Kind, b: Kind) -> float:
        same_element = a.element == b.element
        total = _OF_PLANE_EV**2 * (1.0 + a.valence * b.valence)
        total += OF_ELEMENT_EV**2 * same_element
        # Ions of one element share the less the further apart their valences are.
        total += OF_ION_EV**2 * same_element * max(1.0 - abs(a.valence - b.valence), 0.0)
        total += OF_LIGAND_EV**2 * a.softness * b.softness
        other = a.ligands == b.ligands if a.ligands < _OCTAHEDRON else False
        return float(total + OF_COORDINATION_EV**2 * other)

    return np.array([[one(a, b) for b in others] for a in some])


_OCTAHEDRON = 6


def zero_of(element: str) -> float:
    """2p binding energy of the metal, averaged over spin-orbit partners' centroid: E + ζ/2, eV."""
    from compute.atom import atomic_parameters

    if element not in METAL_2P32_EV:
        raise InputError("element", element, f"known: {', '.join(METAL_2P32_EV)}")
    zeta = atomic_parameters(element, 2)["final"]["zeta_2p"]
    return METAL_2P32_EV[element] + zeta / 2.0


def _kind(entry: Mapping[str, Any]) -> Kind:
    return Kind(
        str(entry["element"]),
        float(entry["valence"]),
        float(entry["softness"]),
        int(entry["ligands"]),
    )


@cache
def _table() -> Mapping[str, Any]:
    table: dict[str, Any] = json.loads(ANCHORS.read_text(encoding="utf-8"))
    return table
