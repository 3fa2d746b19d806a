"""A series without references: non-negative factors, and curve resolution with what is known.

D (n, m) ≈ C (n, k) S (k, m): amounts of each component in each spectrum, and the components. Both
are found to a scale and, without more knowledge, to a mixture of the components (rotational
ambiguity).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.extmath import randomized_svd

from compute.errors import InputError
from compute.jit import njit
from compute.peaks.nonnegative import nonnegative_solve
from compute.threads import single_blas

Floats = NDArray[np.float64]
Product = Callable[[Floats], Floats]

SWEEPS = 3  # of the coefficients for each product with the data, which costs most
TOLERANCE = 1e-5  # relative fall of the loss in `_EVERY` rounds at which it has settled
_EVERY = 10
_LARGE = 2**24  # values beyond which most rounds see the leading singular vectors only
_RANK = 2  # of these vectors, times the components, and ten
_LEAST = 4  # spectra from which the number of components can be told
_START = 1e-2  # of the mean amount: where the singular vectors leave 0


@dataclass(frozen=True)
class Factors:
    """Components of a series.

    Attributes
    ----------
    amounts : float64 (n, k)
    components : float64 (k, m)
        Mean 1 (NMF), or as high as closure and the known ones make them (MCR).
    loss : float
        ‖D - CS‖².
    residual : float64 (n,)
        rms of what is left of each spectrum.
    rounds : int
    """

    amounts: Floats
    components: Floats
    loss: float
    residual: Floats
    rounds: int


@single_blas()
def nmf(
    spectra: ArrayLike,
    components: int,
    *,
    rounds: int = 300,
    start: ArrayLike | None = None,
    device: str | None = None,
) -> Factors:
    """Non-negative factors by accelerated HALS (Gillis & Glineur, Neural Comput. 24 (2012) 1085).

    Parameters
    ----------
    spectra : (n, m)
        Not negative; float32 stays float32.
    start : (components, m), optional
        Components to begin with; otherwise those of the singular vectors (NNDSVD), with small
        values in place of zeros.
    device : str, optional
        Of torch, for the products with the spectra; None is the processors.
    """
    d = _data(spectra, components)
    with_components, with_amounts = _products(d, device)
    rank = min(max(components, _RANK * components + 10), min(d.shape))
    large = d.size > _LARGE and rank < min(d.shape) // 4
    u, v = _leading(d, rank if large else components)
    s = _first(u, v, components) if start is None else _known(start, d, components)
    s = np.maximum(s, 1e-12 * s.max()).astype(d.dtype)
    c = np.maximum(with_components(np.linalg.pinv(s).T), 0).astype(d.dtype)
    c = np.maximum(c, _START * c.mean())
    done = 0
    if large:  # what noise alone fills needs no passes over all values; then they have the word
        scores = np.ascontiguousarray(u.astype(d.dtype))
        shapes = np.ascontiguousarray(v.astype(d.dtype))
        square = float((scores.astype(np.float64) ** 2).sum())
        done = _descend(
            c, s, lambda s: scores @ (shapes @ s.T), lambda c: (c.T @ scores) @ shapes, square,
            rounds,
        )  # fmt: skip
    square = float(np.einsum("nm,nm->", d, d, dtype=np.float64))
    done += _descend(c, s, with_components, with_amounts, square, max(rounds - done, _EVERY))
    scale = np.maximum(s.mean(axis=1, keepdims=True), 1e-300)
    return _factors(d, c * scale.T, s / scale, done)


def _descend(
    c: Floats,
    s: Floats,
    with_components: Product,
    with_amounts: Product,
    square: float,
    rounds: int,
) -> int:
    """Rounds of HALS, in place, until the loss has settled; how many.

    ``with_components`` gives D Sᵀ (n, k), ``with_amounts`` Cᵀ D (k, m), ``square`` ‖D‖².
    """
    before = np.inf
    for turn in range(rounds):
        _sweep(c, np.ascontiguousarray(with_components(s)), s @ s.T)
        right, gram = with_amounts(c), c.T @ c
        _sweep_rows(s, right, gram)
        if turn % _EVERY == _EVERY - 1:
            cross = float((s * right).sum(dtype=np.float64))
            loss = square - 2 * cross + float(((gram @ s) * s).sum(dtype=np.float64))
            if before - loss < TOLERANCE * loss:
                return turn + 1
            before = loss
    return rounds


@single_blas()
def mcr(
    spectra: ArrayLike,
    start: ArrayLike,
    *,
    known: int = 0,
    closure: bool = False,
    rounds: int = 200,
    tolerance: float = 1e-7,
    device: str | None = None,
) -> Factors:
    """Multivariate curve resolution by alternating non-negative least squares.

    Parameters
    ----------
    spectra : (n, m)
    start : (k, m)
        Components to begin with; the first ``known`` of them are references and stay.
    closure : bool
        Amounts of each spectrum sum to 1: the scale of the spectra belongs to the components.
    device : str, optional
        As for `nmf`.
    """
    first = np.atleast_2d(np.asarray(start, float))
    d = _data(spectra, len(first)).astype(np.float64)
    s = _known(first, d, len(first)).copy()
    if not 0 <= known <= len(s):
        raise InputError("known", known, f"is a number of the {len(s)} components")
    with_components, with_amounts = _products(d, device)
    square = float((d**2).sum())
    before = np.inf
    done = rounds
    c = np.empty((len(d), len(s)))
    for turn in range(rounds):
        c = _solve(s @ s.T, with_components(s))
        if closure:
            c /= np.maximum(c.sum(axis=1, keepdims=True), 1e-300)
        if known < len(s):
            free = c[:, known:]
            right = with_amounts(free) - (free.T @ c[:, :known]) @ s[:known]
            s[known:] = _solve(free.T @ free, right.T).T
        gram = c.T @ c
        loss = square - 2 * float((c * with_components(s)).sum()) + float(((gram @ s) * s).sum())
        if before - loss < tolerance * max(loss, 1e-12 * square):
            done = turn + 1
            break
        before = loss
    return _factors(d, c, s, done)


@single_blas()
def components_by_validation(spectra: ArrayLike, most: int = 8, *, folds: int = 4) -> int:
    """How many components predict channels that their amounts were not fitted to.

    Components come from a part of the spectra; of each other spectrum the amounts are fitted to
    every other channel, and judged on the rest. The fewest whose error is not beyond the least by
    more than its standard error over the folds.
    """
    d = _data(spectra, 1).astype(np.float64)
    if len(d) < _LEAST:
        raise InputError("components", "auto", f"are not found from {len(d)} spectra: state them")
    order = np.random.default_rng(0).permutation(len(d))
    errors = np.full((most, folds), np.inf)
    for fold, left in enumerate(np.array_split(order, folds)):
        rest = np.delete(d, left, axis=0)
        for k in range(1, min(most, len(rest) - 1) + 1):
            s = nmf(rest, k).components
            total = 0.0
            for odd in (0, 1):
                fit, judge = slice(odd, None, 2), slice(1 - odd, None, 2)
                c = _solve(s[:, fit] @ s[:, fit].T, d[left][:, fit] @ s[:, fit].T)
                total += float(((d[left][:, judge] - c @ s[:, judge]) ** 2).sum())
            errors[k - 1, fold] = total
    mean = errors.mean(axis=1)
    best = int(np.argmin(mean))
    spread = (errors[: best + 1] - errors[best]).std(axis=1) / np.sqrt(folds - 1)
    return int(np.flatnonzero(mean[: best + 1] - mean[best] <= spread)[0]) + 1


def _products(d: Floats, device: str | None) -> tuple[Product, Product]:
    """``s -> D Sᵀ`` (n, k) and ``c -> Cᵀ D`` (k, m)."""
    if device is None:
        return lambda s: d @ s.T, lambda c: c.T @ d
    from compute.series.on_device import products  # torch takes seconds to load

    return products(d, device)


def _data(spectra: ArrayLike, k: int) -> Floats:
    d = np.atleast_2d(np.asarray(spectra))
    if d.dtype != np.float32:
        d = d.astype(np.float64)
    if d.ndim != 2 or not np.isfinite(d).all():
        raise InputError("spectra", d.shape, "have the shape (n, m) and no gaps")
    if not 1 <= k <= min(d.shape):
        raise InputError("components", k, f"is 1 … {min(d.shape)}")
    return np.ascontiguousarray(np.maximum(d, 0))


def _known(start: ArrayLike, d: Floats, k: int) -> Floats:
    s = np.atleast_2d(np.asarray(start, float))
    if s.shape != (k, d.shape[1]) or not (np.isfinite(s).all() and (s >= 0).all()):
        raise InputError("start", s.shape, f"has the shape ({k}, {d.shape[1]}), not negative")
    return s


def _leading(d: Floats, rank: int) -> tuple[Floats, Floats]:
    """Scores (n, rank) and orthonormal shapes (rank, m) of the leading singular vectors."""
    u, values, v = randomized_svd(d, rank, n_iter=2 if d.size > _LARGE else "auto", random_state=0)
    return u * values, v


def _first(u: Floats, v: Floats, k: int) -> Floats:
    """Components of NNDSVD (Boutsidis & Gallopoulos, Pattern Recognit. 41 (2008) 1350)."""
    s = np.empty((k, v.shape[1]))
    for i in range(k):
        a, b = u[:, i], v[i]
        up = np.linalg.norm(np.maximum(a, 0)) * np.linalg.norm(np.maximum(b, 0))
        down = np.linalg.norm(np.minimum(a, 0)) * np.linalg.norm(np.minimum(b, 0))
        s[i] = np.maximum(b if up >= down else -b, 0)
    return np.asarray(np.maximum(s, _START * s.mean(axis=1, keepdims=True)))


def _factors(d: Floats, c: Floats, s: Floats, rounds: int) -> Factors:
    c, s = c.astype(np.float64), s.astype(np.float64)
    residual = np.empty(len(d))
    for start in range(0, len(d), 4096):
        part = slice(start, start + 4096)
        residual[part] = ((d[part] - c[part] @ s) ** 2).mean(axis=1)
    return Factors(c, s, float(residual.sum() * d.shape[1]), np.sqrt(residual), rounds)


@njit(cache=True, nogil=True)
def _sweep(c: Floats, right: Floats, gram: Floats) -> None:
    """Coordinate descent of the amounts (n, k) for fixed components, `SWEEPS` times."""
    n, k = c.shape
    for i in range(n):
        for _sweep_number in range(SWEEPS):
            for j in range(k):
                value = right[i, j]
                for l in range(k):
                    value -= gram[l, j] * c[i, l]
                if gram[j, j] > 0.0:
                    c[i, j] = max(c[i, j] + value / gram[j, j], 0.0)


def _sweep_rows(s: Floats, right: Floats, gram: Floats) -> None:
    """The same of the components (k, m) for fixed amounts."""
    columns = np.ascontiguousarray(s.T)
    _sweep(columns, np.ascontiguousarray(right.T), gram)
    s[:] = columns.T


@njit(cache=True, nogil=True)
def _solve(gram: Floats, right: Floats) -> Floats:
    """Non-negative least squares of rows (n, k) that share a Gram matrix."""
    out = np.empty(right.shape)
    free = np.zeros(gram.shape[0], dtype=np.bool_)
    for i in range(right.shape[0]):
        out[i] = nonnegative_solve(gram, right[i].copy(), free)
    return out
