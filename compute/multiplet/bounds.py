"""Within which each number of a case has a meaning: what lies outside is a slip or an attack.

Wide by physics: the 3d series has 10Dq below 5 eV, F2dd below 20 eV, ζ(2p) below 15 eV, core-hole
widths from 0.05 to 2 eV; lines narrower or wider than these bounds are no longer resolved on any
grid, or are flat. The pages' fields and the files know the same bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from compute.errors import InputError

ONE_ELECTRON_EV = 1000.0
"""Size of an element of a one-electron matrix; the edges themselves lie there."""

BOUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "slater_scale": (0.0, 2.0),
        "ten_dq": (-10.0, 10.0),
        "ds": (-10.0, 10.0),
        "dt": (-10.0, 10.0),
        "delta": (-50.0, 50.0),
        "final_delta": (-50.0, 50.0),
        "u_dd": (0.0, 50.0),
        "u_pd": (0.0, 50.0),
        "v_eg": (-20.0, 20.0),
        "v_t2g": (-20.0, 20.0),
        **dict.fromkeys(
            ("F2dd", "F4dd", "F2pd", "G1pd", "G3pd", "zeta_3d", "zeta_2p"), (0.0, 100.0)
        ),
        "exchange_field_ev": (-10.0, 10.0),
        "temperature_k": (0.0, 1e5),
        "hwhm_ev": (1e-3, 20.0),
        "l3": (1e-3, 20.0),
        "l2": (1e-3, 20.0),
        "fwhm_gauss_ev": (0.0, 20.0),
        "per_ev": (0.0, 10.0),
        "from_ev": (-10_000.0, 10_000.0),
        "most_ev": (0.0, 100.0),
        "start": (-10_000.0, 10_000.0),
        "stop": (-10_000.0, 10_000.0),
        "step": (0.0, 1_000.0),
        "fano_q": (-1e6, 1e6),
    }
)
"""By the last part of a key: lowest and highest, in the units of CASE.json."""

_LEAST = {"temperature_k": 1e-6, "fwhm_gauss_ev": 1e-6}
"""The least that is not zero, of what numbers are divided by."""


def refuse_outside(name: str, value: float, given: object) -> None:
    """Raises InputError, naming the dotted key, the value and what it can be."""
    key = name.rpartition(".")[2]
    low, high = BOUNDS[key]
    if low == 0.0 and value < low:
        raise InputError(name, given, "must not be below 0")
    if not low <= value <= high:
        raise InputError(name, given, f"must be {low:g} to {high:g}")
    if 0.0 < value < _LEAST.get(key, 0.0):
        raise InputError(name, given, f"must be 0 or at least {_LEAST[key]:g}")
