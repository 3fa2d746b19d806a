"""Route ``learned``: what a model of ``cluster``'s parameters is given, and what is made of them.

The model itself is none of this package (docs/learning.md): whoever has one asks it. It corrects
the parameters of route ``cheap``. How many configurations are mixed follows from the learnt ones by
the rule of route ``cluster``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.l23.charge_transfer import ChargeTransferEnergies
from compute.l23.cheap import parameters as cheap
from compute.l23.cheap.validity import check
from compute.l23.cluster.average import Average
from compute.l23.cluster.energyscale import ERROR_EV
from compute.l23.cluster.model import configurations
from compute.l23.prepared import TEMPERATURE_K, PreparedCase
from compute.l23.splitting import effective_splitting, hund_exchange
from compute.l23.surroundings import Surroundings, surroundings
from compute.multiplet.transfer import ChargeTransfer, OneElectronField
from compute.orbitals import site_operations, symmetrised

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

__all__ = ["VERSION", "Given", "case_of", "given_of"]

FloatArray = NDArray[np.float64]

VERSION = "learned-1"
_ZERO_EV = 1e-9
_STATES = ("initial", "final")


@dataclass(frozen=True, eq=False)
class Given:
    """What the structure gives of a site.

    Attributes
    ----------
    quick : PreparedCase
        By route ``cheap``.
    scalars : mapping
        Its numbers as :func:`case_of` takes them, eV; Δ, U_dd and U_pd also where nothing hops.
    charges_field : float64 (2, 5, 5)
        Energies of d in the potential of the other ions at l = 2 and 4, for unit <r²> and <r⁴>.
    around : Surroundings
    """

    quick: PreparedCase
    scalars: Mapping[str, float]
    charges_field: FloatArray
    around: Surroundings


def given_of(structure: Structure, sites: Sequence[Site], site: Site) -> Given:
    """What a model is given of one site.

    Raises
    ------
    InputError
        What route ``cheap`` says of the site.
    """
    told = check(structure, sites, site)
    parts = cheap.ingredients(structure, sites, site)
    quick = replace(cheap.case_of(parts), warnings=told)
    transfer = parts.charge_transfer
    scalars = {
        "delta": transfer.delta,
        "u_dd": transfer.u_dd,
        "u_pd": transfer.u_pd,
        "offset": quick.energy_offset_ev,
    }
    for state, values in zip(_STATES, (quick.initial, quick.final), strict=True):
        scalars |= {f"{state}.{name}": value for name, value in values.items()}
    return Given(
        quick,
        scalars,
        np.array([parts.quadrupole, parts.hexadecapole]),
        surroundings(structure, sites, site),
    )


def case_of(
    site: Site,
    n_d: int,
    scalars: Mapping[str, float],
    matrices: Mapping[str, FloatArray],
    offset_err: float,
    *,
    temperature_k: float = TEMPERATURE_K,
) -> PreparedCase:
    """Learnt parameters of a site as a case of the engine.

    Parameters
    ----------
    scalars : mapping
        ``delta``, ``u_dd``, ``u_pd``, ``offset``; ``initial.F2dd``, ``final.zeta_2p`` …; eV.
    matrices : mapping
        ``v``, ``crystal_field`` and ``ligand``, each with ``initial.`` and ``final.`` before it:
        (5, 5), eV, in the site's local axes.
    offset_err : float
        Of the learnt offset, eV; what route ``cluster`` itself errs by is added.
    """
    operations = site_operations(site.local_axes, site.symmetry_rotations)
    of = {name: symmetrised(one, operations, zero=_ZERO_EV) for name, one in matrices.items()}
    number = _number(site, n_d, scalars, of)
    energies = ChargeTransferEnergies(scalars["delta"], scalars["u_dd"], scalars["u_pd"], number)
    integrals = {
        state: {
            name.removeprefix(f"{state}."): value
            for name, value in scalars.items()
            if name.startswith(f"{state}.")
        }
        for state in _STATES
    }
    seen = "final" if n_d == 0 else "initial"
    splitting = effective_splitting(
        n_d,
        of[f"{seen}.crystal_field"],
        of[f"{seen}.v"],
        of[f"{seen}.ligand"],
        energies,
        hund_exchange(integrals["initial"]),
    )
    return PreparedCase(
        element=site.element,
        valence=site.oxidation_state,
        n_d=n_d,
        initial=integrals["initial"],
        final=integrals["final"],
        slater_scale=1.0,
        crystal_field=of["initial.crystal_field"],
        charge_transfer=ChargeTransfer(
            delta=energies.delta,
            u_dd=energies.u_dd,
            u_pd=energies.u_pd,
            v=of["initial.v"],
            ligand=of["initial.ligand"],
            configurations=number,
        ),
        final_field=OneElectronField(
            crystal_field=of["final.crystal_field"], v=of["final.v"], ligand=of["final.ligand"]
        ),
        energy_offset_ev=scalars["offset"],
        energy_offset_err=hypot(ERROR_EV, offset_err),
        ten_dq=splitting,
        temperature_k=temperature_k,
    )


def _number(
    site: Site, n_d: int, scalars: Mapping[str, float], of: Mapping[str, FloatArray]
) -> int:
    """Configurations, by the weights in the averaged initial and final state."""
    delta, u_dd = scalars["delta"], scalars["u_dd"]
    squares = [float(np.sum(of[f"{state}.v"] ** 2)) / 5.0 for state in _STATES]

    def last_weight(number: int) -> float:
        before = Average(10 - n_d, squares[0], u_dd, number)
        after = Average(9 - n_d, squares[1], u_dd, number)
        final_delta = delta + u_dd - scalars["u_pd"]
        return max(before.last_weight(delta), after.last_weight(final_delta))

    return configurations(n_d, len(site.symmetry_rotations), last_weight)
