"""Cyanides: a case of the engine from three fields of the orbitals D and A.

Initial 2p⁶Dⁿ, final 2p⁵Dⁿ⁺¹, and 2p⁵Dⁿ⁺½A½. D and A are eigenstates of their own field, so nothing
hops and the ground configuration is Dⁿ alone; 2p goes to D and to A by the share that either has
of the ion's 3d. Kohn-Sham levels are derivatives by occupation, so that ε_A − ε_D of the third
field is E[2p⁵DⁿA] − E[2p⁵Dⁿ⁺¹] of averages (Slater's transition state).

Repulsion: F2 and F4 within D are those of the orbitals D, which covalency has made small.
What 2p meets is the ion's 3d, near the nucleus, in D and A alike: G1, G3 and F2 of the ion appear
times the shares, between D and A as well, which is what draws strength into π*. No factor for
correlation is taken: that of the other ligands (:mod:`compute.l23.cluster.slater`) belongs to
localised orbitals and is one in its ionic limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.atom import atomic_parameters
from compute.errors import OutOfRangeError
from compute.l23.cluster.acceptors import (
    Molecules,
    Occupation,
    Shells,
    molecules_of,
    repulsion_with_2p,
    share_of,
    solve_field,
)
from compute.l23.cluster.atoms import metal_occupation
from compute.l23.cluster.embedding import embed
from compute.l23.cluster.energyscale import CORRECTION_EV
from compute.l23.cluster.levels import slater_integrals
from compute.l23.cluster.molecule import FUNCTIONAL, Cluster, build_cluster
from compute.l23.cluster.partners import Partner
from compute.l23.cluster.plausibility import check_case, check_molecular
from compute.l23.cluster.scf import Solution
from compute.l23.cluster.spinorbit import zeta_2p
from compute.l23.prepared import TEMPERATURE_K, PreparedCase, absorbing_shell
from compute.multiplet.transfer import BackDonation, OneElectronField, Share
from compute.orbitals import site_operations, symmetrised
from compute.units import BOHR_ANGSTROM, HARTREE_EV

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

FloatArray = NDArray[np.float64]

ERROR_EV = 2.0  # of the energy zero: two complexes come out 1.5 and 1.8 eV high
_ZERO_EV = 1e-6
_MOVED = 0.5  # electrons
_ABSENT_EV = 20.0  # level of acceptors that a symmetry does not have: nothing leads there


@dataclass(frozen=True, eq=False)
class MolecularState:
    """D and A in one field, eV, order z², x²−y², xy, xz, yz.

    Attributes
    ----------
    energy : float
        Of all electrons.
    gap : float
        Mean level of A above that of D.
    crystal_field, acceptor : float64 (5, 5)
        Levels of D and A, traceless (A over those that there are).
    share : Share
    slater : mapping
        F2dd and F4dd of D; F2pd, G1pd and G3pd of the ion's 3d.
    """

    energy: float
    gap: float
    crystal_field: FloatArray
    acceptor: FloatArray
    share: Share
    slater: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class MolecularModel:
    """What the fields of a cyanide say.

    Attributes
    ----------
    n_d : int
        Electrons in D.
    initial, final : MolecularState
        2p⁶Dⁿ and 2p⁵Dⁿ⁺¹.
    final_delta : float
        E[2p⁵DⁿA] − E[2p⁵Dⁿ⁺¹], eV.
    """

    n_d: int
    initial: MolecularState
    final: MolecularState
    final_delta: float

    @property
    def delta(self) -> float:
        """E[2p⁶Dⁿ⁻¹A] − E[2p⁶Dⁿ], eV: the slope's change is taken from the final state."""
        return self.initial.gap + self.final_delta - self.final.gap

    @property
    def lowest_transfer(self) -> float:
        """From the highest D that holds an electron to the lowest A, both averages, eV."""
        d = np.repeat(np.linalg.eigvalsh(self.initial.crystal_field), 2)
        acceptor = np.linalg.eigvalsh(self.initial.acceptor)
        return float(self.delta + acceptor[0] - d[self.n_d - 1])


def molecular_model(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    seconds: Sequence[Partner],
    functional: str = FUNCTIONAL,
) -> MolecularModel:
    """The model of a site whose ligands are cyanides.

    Parameters
    ----------
    seconds : sequence of Partner
        :func:`compute.l23.cluster.cyanides.second_atoms`.

    Raises
    ------
    InputError
        See :func:`compute.l23.prepared.absorbing_shell`; an empty shell is out of range.
    ConvergenceError
        With the trace of every start.
    """
    n_d = absorbing_shell(site, sites)
    if n_d == 0:
        raise OutOfRangeError(
            f"sites[{site.index}]",
            f"{site.element} {site.oxidation_state:+g} with cyanide",
            "an empty 3d shell has nothing to give back to cyanide; route cluster describes it "
            "from 3d1 on",
        )
    around = embed(structure, sites, site, seconds)
    own, far = (
        vectors @ site.local_axes.T / BOHR_ANGSTROM
        for vectors in (site.ligand_vectors, np.array([one.vector for one in seconds]))
    )
    cluster = build_cluster(
        site.element,
        site.ligand_elements,
        own,
        around,
        functional,
        outer=[one.element for one in seconds],
        outer_vectors=far,
    )
    pairs = [(e, one.element) for e, one in zip(site.ligand_elements, seconds, strict=True)]
    ion = metal_occupation(n_d + 0.5, 0.5)
    molecules = molecules_of(cluster, site.element, pairs, far - own, ion)
    start = cluster.fock(molecules.density)[1]
    initial = solve_field(cluster, molecules, Occupation(0.0, n_d), [start])
    starts = [initial.fock, start]
    final = solve_field(cluster, molecules, Occupation(1.0, n_d + 1), starts)
    starts = [final.fock, *starts]
    half = Occupation(1.0, n_d + 1 - _MOVED, _MOVED)
    moved = solve_field(cluster, molecules, half, starts)
    return MolecularModel(
        n_d,
        _state(cluster, molecules, initial, site),
        _state(cluster, molecules, final, site),
        _gap(moved),
    )


def molecular_case(
    model: MolecularModel, site: Site, *, temperature_k: float = TEMPERATURE_K
) -> PreparedCase:
    """A site's model as a case of the engine."""
    before, after = model.initial, model.final
    atom = atomic_parameters(
        site.element, round(site.oxidation_state), model.n_d, empty_shells=True
    )
    check_molecular(model, atom)
    hole = zeta_2p(site.element, model.n_d + 1)
    none = np.zeros((5, 5))
    field = before.crystal_field
    found = PreparedCase(
        element=site.element,
        valence=site.oxidation_state,
        n_d=model.n_d,
        initial={key: before.slater[key] for key in ("F2dd", "F4dd")}
        | {"zeta_3d": _covalent(atom["initial"]["zeta_3d"], before.share)},
        final=dict(after.slater)
        | {"zeta_3d": _covalent(atom["final"]["zeta_3d"], after.share), "zeta_2p": hole},
        slater_scale=1.0,
        crystal_field=field,
        charge_transfer=None,
        back_donation=BackDonation(
            model.delta, none, before.acceptor, model.final_delta, before.share
        ),
        final_field=OneElectronField(
            after.crystal_field, None, None, none, after.acceptor, after.share
        ),
        energy_offset_ev=after.energy - before.energy + CORRECTION_EV,
        energy_offset_err=ERROR_EV,
        ten_dq=float(np.diag(field)[:2].mean() - np.diag(field)[2:].mean()),
        temperature_k=temperature_k,
    )
    check_case(found)
    return found


def _covalent(zeta: float, share: Share) -> float:
    """ζ of D: that of the ion's 3d, in the mean over D."""
    return zeta * float(np.sum(share.d**2)) / 5.0


def _levels(field: Solution[Shells]) -> tuple[FloatArray, FloatArray]:
    """<D|F|D> and <A|F|A>, eV."""
    d, a = field.orbitals.d, field.orbitals.acceptor
    return d.T @ field.fock @ d * HARTREE_EV, a.T @ field.fock @ a * HARTREE_EV


def _gap(field: Solution[Shells]) -> float:
    d, acceptor = _levels(field)
    return float(np.trace(acceptor) / field.orbitals.acceptors - np.trace(d) / 5.0)


def _state(
    cluster: Cluster, molecules: Molecules, field: Solution[Shells], site: Site
) -> MolecularState:
    shells = field.orbitals
    operations = site_operations(site.local_axes, site.symmetry_rotations)
    d, acceptor = _levels(field)
    there = shells.acceptor.T @ cluster.overlap @ shells.acceptor
    mean = np.trace(acceptor) / shells.acceptors
    acceptor = acceptor - mean * there + _ABSENT_EV * (np.eye(5) - there)

    def tidy(matrix: FloatArray, hermitian: bool = True) -> FloatArray:
        """Fitted charges break the site's symmetry by µeV."""
        found: FloatArray = symmetrised(matrix, operations, zero=_ZERO_EV, hermitian=hermitian)
        return found

    shares = [
        tidy(share_of(cluster, molecules, shells.core, orbitals), hermitian=False)
        for orbitals in (shells.d, shells.acceptor)
    ]
    within = slater_integrals(cluster, shells.core, shells.d)
    return MolecularState(
        energy=field.energy * HARTREE_EV,
        gap=_gap(field),
        crystal_field=tidy(d - np.trace(d) / 5.0 * np.eye(5)),
        acceptor=tidy(acceptor),
        share=Share(*shares),
        slater={key: within[key] for key in ("F2dd", "F4dd")}
        | repulsion_with_2p(cluster, shells.core, shells.d, shares[0]),
    )
