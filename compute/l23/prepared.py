"""A calculation as a route leaves it: the Hamiltonian's parameters and the place in energy.

This is what every route makes and what :func:`compute.l23.spectrum.solve_prepared` solves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.ions import ELEMENTS_3D, d_electrons
from compute.multiplet.transfer import BackDonation, ChargeTransfer, OneElectronField, Share

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

FloatArray = NDArray[np.float64]

TEMPERATURE_K = 300.0
WHOLE = 1e-3  # valences this near to a whole number are whole
HWHM_EV = (0.2, 0.4)  # Lorentzian, L3 and L2
BEYOND_MULTIPLETS = "route feff (single-particle multiple scattering) does"
_METALLIC = {"B": "boride", "C": "carbide", "Si": "silicide", "Ge": "germanide", "Sb": "antimonide"}
_BOUND_CARBON = frozenset(("H", "B", "C", "N", "O", "F", "P", "S", "Cl", "Se", "Br", "I"))


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """An ion ready for ``compute.multiplet.solve``; matrices in local axes, z², x²−y², xy, xz, yz.

    Attributes
    ----------
    element : str
    valence : float
        Of this ion; a site that shares a charge is prepared once for each of its ions.
    n_d : int
    initial, final : mapping
        F2dd, F4dd, zeta_3d; in the final state also F2pd, G1pd, G3pd, zeta_2p. eV, scaled. What
        is left out the engine takes from the free ion, unscaled.
    slater_scale : float
        What the free ion's F and G were multiplied by, for the record.
    crystal_field : float64 (5, 5)
        eV, traceless.
    charge_transfer : ChargeTransfer or None
    final_field : OneElectronField or None
        Field, hopping and ligand levels with the core hole; None where they are the initial ones.
    energy_offset_ev, energy_offset_err : float
        To be added to the engine's energies, which are relative to the difference of the two
        configuration averages, and its standard error.
    ten_dq : float
        Effective splitting of the d levels, eV: mean of z², x²−y² less mean of xy, xz, yz.
    temperature_k : float
    hwhm_ev : (float, float)
        Lorentzian half widths of L3 and L2.
    hwhm_rise : (float, float) or None
        Half width gained per eV above the onset of each edge, and eV at most.
    back_donation : BackDonation or None
        Acceptors of cyanides.
    warnings : tuple of str
        What the route has to say of this site; they stand beside the engine's in the result.
    """

    element: str
    valence: float
    n_d: int
    initial: Mapping[str, float]
    final: Mapping[str, float]
    slater_scale: float
    crystal_field: FloatArray
    charge_transfer: ChargeTransfer | None
    final_field: OneElectronField | None
    energy_offset_ev: float
    energy_offset_err: float
    ten_dq: float
    temperature_k: float = TEMPERATURE_K
    hwhm_ev: tuple[float, float] = HWHM_EV
    hwhm_rise: tuple[float, float] | None = None
    back_donation: BackDonation | None = None
    warnings: tuple[str, ...] = ()

    def case(self) -> dict[str, Any]:
        """The keys of CASE.json, matrices as arrays, which the engine takes as they are."""
        transfer, final_field = self.charge_transfer, self.final_field
        case: dict[str, Any] = {
            "element": self.element,
            "charge": round(self.valence),
            "n_d": self.n_d,
            "edge": "L23",
            "slater_scale": self.slater_scale,
            "initial": dict(self.initial),
            "final": dict(self.final),
            "crystal_field": {"matrix": self.crystal_field},
            "charge_transfer": None if transfer is None else _fields_of(transfer),
            "temperature_k": self.temperature_k,
            "hwhm_ev": dict(zip(("l3", "l2"), self.hwhm_ev, strict=True)),
        }
        if self.hwhm_rise is not None:
            case["hwhm_rise"] = dict(zip(("per_ev", "most_ev"), self.hwhm_rise, strict=True))
        if self.back_donation is not None:
            case["back_donation"] = _fields_of(self.back_donation)
        if final_field is not None:
            fields = _fields_of(final_field)
            if transfer is None:  # then there are no ligand orbitals
                fields |= {"v": None, "ligand": None}
            case["final_field"] = fields
        return case

    def as_json(self) -> dict[str, Any]:
        """CASE.json as text can hold it, matrices as nested lists."""
        found: dict[str, Any] = _listed(self.case())
        return found


class Parameters(Protocol):
    """What a route does: parameters of one site from the structure and all its sites."""

    def __call__(
        self,
        structure: Structure,
        sites: Sequence[Site],
        site: Site,
        *,
        temperature_k: float = TEMPERATURE_K,
    ) -> PreparedCase: ...


class NoMultipletError(InputError):
    """An L2,3 edge that exists and that no ligand-field multiplet describes."""

    cause = "No ligand-field multiplet"


def absorbing_shell(site: Site, sites: Sequence[Site] = ()) -> int:
    """3d electrons of a site's ion, after a check that a ligand field describes its L2,3 edge.

    Parameters
    ----------
    sites : sequence of Site, optional
        All distinct sites: they tell a carbide from a cyanide.

    Raises
    ------
    InputError
        Not a 3d ion, or no ligands.
    NoMultipletError
        A metal, or a full 3d shell: with the route that describes the edge.
    """
    refuse_undescribed(site, sites)
    field, ion = f"sites[{site.index}]", f"{site.element} {site.oxidation_state:+g}"
    n_d = d_electrons(site.element, site.oxidation_state)
    if n_d is None:
        known = ", ".join(ELEMENTS_3D)
        raise InputError(field, ion, f"no 3d ion; known are {known} with 0 to 10 d electrons")
    if site.coordination_number == 0:
        raise InputError(field, site.element, "has no ligands")
    return n_d


def refuse_undescribed(site: Site, sites: Sequence[Site] = ()) -> None:
    """Raise :class:`NoMultipletError` where :func:`undescribed` knows why."""
    if site.element in ELEMENTS_3D and (why := undescribed(site, sites)):
        ion = f"{site.element} {site.oxidation_state:+.4g}"
        raise NoMultipletError(f"sites[{site.index}]", ion, why)


def undescribed(site: Site, sites: Sequence[Site] = ()) -> str:
    """Why no ligand-field multiplet describes the L2,3 edge of a 3d site; empty where one does."""
    if kind := _metallic_compound(site, sites):
        return (
            f"a metallic {kind}: no ion, its 3d electrons are in bands and no ligand-field "
            f"multiplet describes them; {BEYOND_MULTIPLETS}"
        )
    return no_ion(site.element, site.oxidation_state)


def no_ion(element: str, oxidation_state: float) -> str:
    """As :func:`undescribed`, by element and oxidation state alone."""
    if element not in ELEMENTS_3D:
        return ""
    if oxidation_state <= 0:
        return (
            "no ion: in metals, intermetallics and carbonyls the 3d electrons are in bands or "
            f"molecular orbitals that no ligand-field multiplet describes; {BEYOND_MULTIPLETS}"
        )
    highest = ceil(oxidation_state - WHOLE)  # of the ions that a mean stands for
    if d_electrons(element, highest) == 10:
        return (
            "the 3d shell is full: the L2,3 edge leads to 4s and the continuum, which no "
            f"ligand-field multiplet describes; {BEYOND_MULTIPLETS}"
        )
    return ""


def _metallic_compound(site: Site, sites: Sequence[Site]) -> str:
    """``silicide``, ``carbide`` …: of ligands that are bound to metals alone; else empty."""
    of_atom = {atom: one for one in sites for atom in one.equivalent_indices}
    for atom, ligand in zip(site.ligand_indices, site.ligand_elements, strict=True):
        if ligand in _METALLIC and ligand != "C":
            return _METALLIC[ligand]
        around = of_atom[atom].ligand_elements if atom in of_atom else ()
        if ligand == "C" and around and not set(around) & _BOUND_CARBON:
            return _METALLIC[ligand]
    return ""


def lattice_charges(structure: Structure, sites: Sequence[Site]) -> FloatArray:
    """Mean charge (n,) of every place, e: that of its occupants, weighted."""
    charges = np.zeros(len(structure))
    for site in sites:
        charges[list(site.equivalent_indices)] += site.occupancy * site.oxidation_state
    return charges


def _fields_of(part: ChargeTransfer | BackDonation | OneElectronField) -> dict[str, Any]:
    return {k: dict(vars(v)) if isinstance(v, Share) else v for k, v in vars(part).items()}


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _listed(one) for key, one in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
