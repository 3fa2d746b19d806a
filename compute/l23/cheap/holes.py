"""How many ligand holes a calculation takes: as many as carry weight.

What a further configuration changes goes with its weight in the ground state, which the mean
field of :mod:`compute.l23.splitting` gives in milliseconds. Configurations are added until those
left out weigh no more than ``LEFT_OUT``; each costs the engine five to ten times the time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from compute.l23.charge_transfer import ChargeTransferEnergies
from compute.l23.splitting import configuration_weights

FloatArray = NDArray[np.float64]

LEFT_OUT = 0.10
MOST_HOLES = 3


def configurations(
    n_d: int,
    crystal_field: FloatArray,
    v: FloatArray,
    ligand: FloatArray,
    transfer: ChargeTransferEnergies,
    exchange: float,
    left_out: float = LEFT_OUT,
) -> int:
    """Number of configurations, dⁿ counted; arguments as in ``splitting.effective_splitting``."""
    most = min(MOST_HOLES, 10 - n_d)
    weights = configuration_weights(
        n_d, crystal_field, v, ligand, replace(transfer, configurations=most + 1), exchange
    )
    return next(
        (number for number in range(2, most + 1) if weights[number:].sum() <= left_out), most + 1
    )
