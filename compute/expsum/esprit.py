"""Poles of exponential sums from uniform samples: Lanczos on FFT-Hankel products, ESPRIT.

Shared by the exponential-sum fit of radial functions and by peak separation: give
:func:`hankel_signal_space` samples (real or complex), pass its vectors to
:func:`esprit_poles`, and weights follow by least squares. Products with the Hankel matrix cost
O(N log N) and the matrix is never formed, so 20,000 samples take a fraction of a second.
(Roy and Kailath, IEEE Trans. ASSP 37 (1989) 984; Potts and Tasche, Linear Algebra Appl. 439
(2013) 1024; Browne, Qiao and Wei, Linear Algebra Appl. 430 (2009) 1531 for FFT-Lanczos.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft, ifft, next_fast_len

from compute.errors import ConvergenceError, InputError

Array = NDArray[Any]  # float64 or complex128

_DENSE = 200  # rows and columns below which LAPACK is faster than Lanczos
_CHECK_EVERY = 5  # Lanczos steps between looks at the small SVD


@dataclass(frozen=True)
class SignalSpace:
    """Leading singular triplets of a Hankel matrix H_ij = s_(i+j).

    Attributes
    ----------
    vectors : (L, m)
        Orthonormal left singular vectors; complex if the samples are.
    singular_values : float64 (m,)
        Largest first, unit of the samples.
    exhausted : bool
        True if every singular value above the tolerance is there.
    """

    vectors: Array
    singular_values: NDArray[np.float64]
    exhausted: bool


def hankel_signal_space(
    samples: Array,
    *,
    rank: int | None = None,
    tolerance: float = 0.0,
    rows: int | None = None,
) -> SignalSpace:
    """Signal space of uniform samples s_0 … s_(N-1).

    Parameters
    ----------
    samples : float64 or complex128 (N,)
        Uniform samples of a sum of exponentials.
    rank : int, optional
        Most singular vectors wanted; by default as many as the tolerance keeps.
    tolerance : float
        Singular values below ``tolerance`` times the largest are left out. One of ``rank`` and
        ``tolerance`` must be given.
    rows : int, optional
        L, by default N // 2 + 1; the matrix is L by N - L + 1.

    Raises
    ------
    InputError
        Too few or non-finite samples, or an impossible rank or tolerance.
    ConvergenceError
        Singular vectors not converged when the Krylov space is full.
    """
    samples = np.asarray(samples)
    samples = samples.astype(np.complex128 if np.iscomplexobj(samples) else np.float64)
    if samples.ndim != 1 or samples.size < 3:
        raise InputError("samples", samples.shape, "need a vector of at least 3")
    if not np.isfinite(samples).all():
        raise InputError("samples", samples, "must be finite")
    rows = rows or samples.size // 2 + 1
    columns = samples.size - rows + 1
    most = min(rows, columns)
    if not 1 <= rows <= samples.size:
        raise InputError("rows", rows, f"must lie between 1 and {samples.size}")
    if rank is None and tolerance <= 0.0:
        raise InputError("tolerance", tolerance, "must be positive where no rank is given")
    if rank is not None and not 1 <= rank <= most:
        raise InputError("rank", rank, f"must lie between 1 and {most}")
    if most <= _DENSE or (rank or 0) > most // 3:
        matrix = np.lib.stride_tricks.sliding_window_view(samples, columns)
        u, s, _ = np.linalg.svd(matrix, full_matrices=False)
        return _truncated(u, s, rank, tolerance)
    return _lanczos(samples, rows, columns, rank, tolerance)


def esprit_poles(vectors: Array) -> NDArray[np.complex128]:
    """Poles z of ``s_n = sum w_j z_j^n`` from signal vectors (L, m), by shift invariance.

    ``vectors[1:] = vectors[:-1] F`` in the least-squares sense; the poles are F's eigenvalues.
    With orthonormal columns the pseudo-inverse is a rank-one change of the adjoint.
    """
    upper, lower = vectors[:-1], vectors[1:]
    last = vectors[-1].conj()
    rest = 1.0 - float(np.vdot(last, last).real)
    shift = upper.conj().T @ lower
    if rest > 1e-8:
        shift = shift + np.outer(last, vectors[-1] @ shift) / rest
    else:  # the last sample alone carries a direction
        shift = np.linalg.lstsq(upper, lower, rcond=None)[0]
    return np.linalg.eigvals(shift).astype(np.complex128)


def hankel_products(
    samples: Array, rows: int
) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Functions v -> H v and u -> H^H u of the Hankel matrix of ``samples``, by FFT."""
    columns = samples.size - rows + 1
    length = next_fast_len(samples.size)
    spectrum = fft(samples, length)
    real = not np.iscomplexobj(samples)

    def convolve(vector: Array, first: int, count: int) -> Array:
        out = ifft(spectrum * fft(vector[::-1], length))[first : first + count]
        return np.asarray(out.real if real else out)

    def forward(v: Array) -> Array:
        return convolve(v, columns - 1, rows)

    def adjoint(u: Array) -> Array:
        return convolve(u.conj(), rows - 1, columns).conj()

    return forward, adjoint


def _lanczos(
    samples: Array, rows: int, columns: int, rank: int | None, tolerance: float
) -> SignalSpace:
    """Golub-Kahan bidiagonalisation with full reorthogonalisation."""
    forward, adjoint = hankel_products(samples, rows)
    most = min(rows, columns)
    capacity = min(most, 64)
    left = np.zeros((rows, capacity), samples.dtype)
    right = np.zeros((columns, capacity), samples.dtype)
    diagonal, above = np.zeros(most), np.zeros(most)
    v = np.random.default_rng(0).standard_normal(columns).astype(samples.dtype)
    v /= np.linalg.norm(v)
    residual = np.inf
    for step in range(most):
        if step == capacity:
            capacity = min(most, 2 * capacity)
            left = np.pad(left, ((0, 0), (0, capacity - left.shape[1])))
            right = np.pad(right, ((0, 0), (0, capacity - right.shape[1])))
        right[:, step] = v
        u = _orthogonal(forward(v), left[:, :step])
        diagonal[step] = np.linalg.norm(u)
        left[:, step] = u / max(diagonal[step], np.finfo(float).tiny)
        v = _orthogonal(adjoint(left[:, step]), right[:, : step + 1])
        above[step] = np.linalg.norm(v)
        v = v / max(above[step], np.finfo(float).tiny)
        size = step + 1
        full = size == most or above[step] == 0.0 or diagonal[step] == 0.0
        if not full and (size % _CHECK_EVERY or size <= (rank or 0)):
            continue
        small = np.diag(diagonal[:size]) + np.diag(above[: size - 1], 1)
        p, s, _ = np.linalg.svd(small)
        wanted = size if rank is None else min(rank, size)
        kept = int(np.count_nonzero(s[:wanted] > tolerance * s[0]))
        # |H^H u - s v| of each triplet in units of what is allowed: little beside the smallest
        # singular value kept, since it turns all vectors by its ratio to the gaps between them
        allowed = max(1e-3 * tolerance * s[0], 1e-14 * s[0], 1e-5 * s[max(kept, 1) - 1])
        errors = above[step] * np.abs(p[-1, :kept]) / allowed
        residual = float(errors.max(initial=0.0))
        small_enough = residual <= 1.0
        seen_below = kept < size - 2 or rank is not None
        if full or (small_enough and seen_below):
            return _truncated(left[:, :size] @ p, s, rank, tolerance)
    raise ConvergenceError(
        "singular vectors of the Hankel matrix (in units of what is allowed)", residual, 1.0
    )


def _orthogonal(vector: Array, basis: Array) -> Array:
    """Twice is enough: the part of ``vector`` outside ``basis``."""
    for _ in range(2):
        vector = vector - basis @ (basis.conj().T @ vector)
    return vector


def _truncated(
    vectors: Array, singular_values: Array, rank: int | None, tolerance: float
) -> SignalSpace:
    above = int(np.count_nonzero(singular_values > tolerance * singular_values[0]))
    kept = max(1, above if rank is None else min(rank, above))
    return SignalSpace(vectors[:, :kept], singular_values[:kept].astype(np.float64), kept == above)
