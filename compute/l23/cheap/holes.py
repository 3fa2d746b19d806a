"""How many ligand holes a calculation takes: as many as carry weight or split the d levels.

The mean field of :mod:`compute.l23.splitting` tells in milliseconds what further configurations
would change. They are added until those left out weigh no more than ``LEFT_OUT`` in the ground
state and move 10Dq by no more than ``SPLITTING_EV``: two ligand holes of 3 % weight are worth
0.2 eV in [FeCl6]3-, since they lower a state with an electron moved otherwise than the ground
state. Each configuration costs the engine two to ten times the time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from compute.l23.charge_transfer import ChargeTransferEnergies
from compute.l23.splitting import configuration_weights, effective_splitting

FloatArray = NDArray[np.float64]

LEFT_OUT = 0.10
SPLITTING_EV = 0.2  # chosen, with ground states in view: 0.15 and less make [CoF6]3- low spin
MOST_HOLES = 3


def configurations(
    n_d: int,
    crystal_field: FloatArray,
    v: FloatArray,
    ligand: FloatArray,
    transfer: ChargeTransferEnergies,
    exchange: float,
    left_out: float = LEFT_OUT,
    splitting_ev: float = SPLITTING_EV,
) -> int:
    """Number of configurations, dⁿ counted; arguments as in ``splitting.effective_splitting``.

    Parameters
    ----------
    left_out : float
        Weight that those left out have at most.
    splitting_ev : float
        What they move 10Dq by at most, eV.
    """
    most = min(MOST_HOLES, 10 - n_d)
    weights = configuration_weights(
        n_d, crystal_field, v, ligand, replace(transfer, configurations=most + 1), exchange
    )

    def splitting(number: int) -> float:
        taken = replace(transfer, configurations=number)
        return effective_splitting(n_d, crystal_field, v, ligand, taken, exchange)

    whole = splitting(most + 1)
    for number in range(2, most + 1):
        # An empty shell has no electron to move, and no optical 10Dq.
        splits = n_d > 0 and abs(splitting(number) - whole) > splitting_ev
        if weights[number:].sum() <= left_out and not splits:
            return number
    return most + 1
