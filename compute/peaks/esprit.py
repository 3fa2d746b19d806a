"""ESPRIT poles of a sequence of complex samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_ORDER = 60

Complex = NDArray[np.complex128]


def esprit_poles(samples: Complex, order: int | None, *, noise: float) -> Complex:
    """Poles z of ``samples[k] ≈ Σ c z^k``, (m,).

    Parameters
    ----------
    samples : complex128 (n,)
    order : int, optional
        Number of poles; by default twice the number of singular values above the noise, 8 to 60.
    noise : float
        Root mean square noise of a sample.
    """
    n = samples.size
    rows = n // 2
    hankel = np.lib.stride_tricks.sliding_window_view(samples, n - rows + 1)[:rows]
    u, s, _ = np.linalg.svd(hankel, full_matrices=False)
    if order is None:
        signal = int(np.sum(s > 1.5 * noise * np.sqrt(n)))
        order = min(max(8, 2 * signal), MAX_ORDER)
    order = min(order, rows - 1)
    u = u[:, :order]
    shift = np.linalg.lstsq(u[:-1], u[1:], rcond=None)[0]
    return np.linalg.eigvals(shift)
