"""Many small least-squares problems at once on a torch device; `kernels` has the same one by one.

The model (design, noise, weights, evidence) is that of `references`: here it is only solved, in
float64, a batch as large as the memory of the device allows. Symbols as in `kernels`, with a first
axis n for the spectra.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compute.errors import InputError
from compute.series.kernels import CLOSE, FLOOR, ROUNDS, SCALES
from compute.series.noise import Noise
from compute.series.unmixed import Linear

Floats = NDArray[np.float64]

_HOST_BYTES = 2**28  # of a batch where the device is the processor itself
_ROWS = 24  # arrays (n, m) at once, beside some for each row of the design


def fit_fixed_on(device: str, y: Floats, design: Floats, bounded: int, noise: Noise) -> Linear:
    """All spectra (n, m), NaN in gaps, on the axis of the design (K, m).

    Agrees with the compiled kernels to rounding; spectra that cannot be solved are NaN.
    """
    n, m = y.shape
    size = len(design)
    out = Linear.empty(n, size)
    d = torch.as_tensor(design, dtype=torch.float64, device=device)
    variances = np.ones((1, m)) if noise.variances is None else noise.variances

    def fit(rows: slice) -> None:
        one = _Batch(
            torch.as_tensor(y[rows], device=device),
            torch.as_tensor(variances if len(variances) == 1 else variances[rows], device=device),
            d, bounded, noise,
        )  # fmt: skip
        out.bounded[rows] = one.c.cpu().numpy()
        out.open[rows] = one.open.cpu().numpy()
        out.covariance[rows] = one.inverse.cpu().numpy()
        out.blocks[rows] = one.structure().cpu().numpy()

    in_batches(n, 8 * m * (_ROWS + 3 * size), device, fit)
    return out


def in_batches(n: int, row_bytes: int, device: str, work: Callable[[slice], None]) -> None:
    """``work`` of slices of ``n`` rows that take half of what is free on the device.

    Where that is too much after all, since others take memory of it as well, halves follow; a slice
    that failed is asked again from its first row.

    Raises
    ------
    InputError
        If there is no room for one row.
    """
    start, step = 0, max(1, _room(device) // row_bytes)
    while start < n:
        stop = min(start + step, n)
        if _fits(device, partial(work, slice(start, stop))):
            start = stop
        elif stop - start == 1:
            raise InputError("device", device, "has too little free memory for one spectrum")
        else:
            step = (stop - start) // 2


def _fits(device: str, work: Callable[[], None]) -> bool:
    """Whether the device had the memory for ``work``; what it held is given back where not."""
    try:
        work()
    except torch.OutOfMemoryError:
        pass  # the frames that hold its tensors are gone behind this block
    else:
        return True
    if "cuda" in device:
        torch.cuda.empty_cache()
    return False


def _room(device: str) -> int:
    """Bytes that a batch may take: half of what is free, on a device that others use as well."""
    return int(torch.cuda.mem_get_info(device)[0] // 2) if "cuda" in device else _HOST_BYTES


def products(
    d: NDArray[Any], device: str
) -> tuple[Callable[[NDArray[Any]], NDArray[Any]], Callable[[NDArray[Any]], NDArray[Any]]]:
    """``s -> d sᵀ`` and ``c -> cᵀ d`` of data (n, m).

    They stay on the device where they fit, else they are brought there a batch at a time.
    """

    def on(values: NDArray[Any]) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(values), device=device)

    kept: list[Tensor] = []
    if d.nbytes <= _room(device):
        _fits(device, lambda: kept.append(on(d)))

    def over(work: Callable[[slice, Tensor], None]) -> None:
        if kept and _fits(device, lambda: work(slice(0, len(d)), kept[0])):
            return
        kept.clear()
        in_batches(len(d), 2 * d[0].nbytes, device, lambda rows: work(rows, on(d[rows])))

    def with_components(s: NDArray[Any]) -> NDArray[Any]:
        there = on(s).T
        done: list[NDArray[Any]] = []
        over(lambda _, part: done.append((part @ there).cpu().numpy()))
        return np.concatenate(done)

    def with_amounts(c: NDArray[Any]) -> NDArray[Any]:
        done: list[NDArray[Any]] = []
        over(lambda rows, part: done.append((on(c[rows]).T @ part).cpu().numpy()))
        return np.asarray(np.sum(done, axis=0))

    return with_components, with_amounts


class _Batch:
    """Spectra (n, m) fitted; with a gain the weights follow the model (Poisson ML).

    Attributes
    ----------
    g, inverse : float64 (n, K, K)
    open, c : float64 (n, K)
        Without and with the bounds.
    mu, w : float64 (n, m)
    """

    def __init__(
        self, values: Tensor, sigma2: Tensor, d: Tensor, bounded: int, noise: Noise
    ) -> None:
        self.d, self.bounded, self.noise = d, bounded, noise
        size, n = len(d), len(values)
        mask = torch.isfinite(values)
        self.y = torch.where(mask, values, 0.0)
        self.w = mask / sigma2
        self.mu = torch.zeros_like(self.y)
        self.g = d.new_full((n, size, size), torch.nan)
        self.inverse = self.g.clone()
        self.open = d.new_full((n, size), torch.nan)
        self.c = self.open.clone()
        products = (d[:, None] * d).reshape(size * size, -1).T  # every Gram matrix at once
        todo = torch.arange(n, device=d.device)
        before = torch.zeros_like(self.c)
        for turn in range(ROUNDS if noise.gain > 0 else 1):
            w = self.w[todo]
            g = (w @ products).reshape(-1, size, size)
            right = (w * self.y[todo]) @ d.T
            solved, inverse, open_ = _solve(g, right)
            c = open_.clone()
            outside = (open_[:, :bounded] < 0).any(1)
            if outside.any():
                c[outside] = _nonnegative(g[outside], right[outside], bounded)
            self.g[todo], self.inverse[todo], self.open[todo], self.c[todo] = g, inverse, open_, c
            mu = c @ d
            self.mu[todo] = mu
            if noise.gain <= 0:
                return
            moved = ((c - before[todo]) ** 2 / inverse.diagonal(dim1=1, dim2=2)).amax(1)
            before[todo] = c
            going = solved & ((moved >= CLOSE**2) if turn else torch.ones_like(solved))
            todo, mu = todo[going], mu[going]
            if not len(todo):
                return
            least = noise.constant + noise.gain**2 * FLOOR
            self.w[todo] = mask[todo] / (noise.constant + noise.gain * mu).clamp(min=least)

    def structure(self) -> Tensor:
        """Power of the residual in blocks of channels, its mean and variance under noise.

        As `kernels.structure`; (n, SCALES, 3).
        """
        size, noise, root = len(self.d), self.noise, self.w.sqrt()
        used = self.c > 0
        used[:, self.bounded :] = True
        pairs = used[:, :, None] & used[:, None, :]
        lower = torch.linalg.cholesky_ex(torch.where(pairs, self.g, _eye(self.d, size)))[0]
        q = torch.where(used[:, :, None], self.d * root[:, None], 0.0)
        q = torch.linalg.solve_triangular(lower, q, upper=False)
        residual = (self.y - self.mu) * root
        expected = (self.w > 0).double()
        over = torch.zeros_like(expected[:, 0])
        if noise.gain > 0:
            signal = (noise.gain * self.mu).clamp(min=0)
            expected = ((noise.constant + signal) * self.w).clamp(max=1)
            over = (noise.gain**2 * signal * self.w**2).sum(1)
        out = []
        for scale in range(SCALES):
            inner = q @ q.mT
            trace = inner.diagonal(dim1=1, dim2=2).sum(1)
            square = (inner**2).sum((1, 2))
            variance = 2 * ((expected**2).sum(1) - 2 * trace + square) + over / 4**scale
            out.append(torch.stack([(residual**2).sum(1), expected.sum(1) - trace, variance], 1))
            q, residual = _joined(q) * 2**-0.5, _joined(residual) * 2**-0.5
            expected = _joined(expected) / 2
        blocks = torch.stack(out, 1)
        blocks[~torch.isfinite(self.c).all(1)] = torch.nan
        return blocks


def _eye(like: Tensor, size: int) -> Tensor:
    return torch.eye(size, dtype=like.dtype, device=like.device)


def _joined(rows: Tensor) -> Tensor:
    """Sums of neighbouring channels; one that is left over is dropped."""
    even = rows.shape[-1] // 2 * 2
    return rows[..., 0:even:2] + rows[..., 1:even:2]


def _solve(g: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which (n,) are regular to working precision, inverses and solutions; NaN where not."""
    lower, failed = torch.linalg.cholesky_ex(g)
    pivots = lower.diagonal(dim1=1, dim2=2) ** 2
    regular = (failed == 0) & (pivots > 1e-13 * g.diagonal(dim1=1, dim2=2)).all(1)
    safe = torch.where(regular[:, None, None], lower, _eye(g, g.shape[1]))
    inverse = torch.where(regular[:, None, None], torch.cholesky_inverse(safe), torch.nan)
    return regular, inverse, (inverse @ b[:, :, None])[:, :, 0]


def _nonnegative(g: Tensor, b: Tensor, bounded: int) -> Tensor:
    """`compute.peaks.nonnegative.nonnegative_solve` of all rows, each with its own active set."""
    n, size = b.shape
    scale = g.diagonal(dim1=1, dim2=2).rsqrt()
    eye = _eye(g, size)
    g = g * scale[:, :, None] * scale[:, None, :] + 1e-14 * eye
    b = b * scale
    tolerance = 1e-10 * b.abs().amax(1) + 1e-300
    limited = torch.arange(size, device=b.device) < bounded
    result = torch.zeros_like(b)
    todo = torch.arange(n, device=b.device)
    c, used = torch.zeros_like(b), torch.ones_like(b, dtype=torch.bool)  # most are positive
    for _ in range(5 * size + 10):
        pairs = used[:, :, None] & used[:, None, :]
        s = torch.linalg.solve(torch.where(pairs, g, eye), torch.where(used, b, 0.0))
        low = used & limited & (s <= 0)
        ratio = torch.where(low, torch.where(c > 0, c / (c - s), 0.0), torch.inf)
        blocked = low.any(1)
        step = torch.where(blocked, ratio.amin(1), 1.0)[:, None]
        worst = torch.where(low & (ratio == step), s, torch.inf).argmin(1, keepdim=True)
        # back to the boundary where a bounded coefficient went negative
        c = torch.where(blocked[:, None], c + step * (s - c), s)
        leaves = torch.zeros_like(used).scatter(1, worst, blocked[:, None])
        c = torch.where(leaves, 0.0, c)
        gradient = b - (g @ c[:, :, None])[:, :, 0]
        best, pick = torch.where(used, -torch.inf, gradient).max(1, keepdim=True)
        joins = ~blocked & (best[:, 0] > tolerance)
        used = (used & ~leaves) | torch.zeros_like(used).scatter(1, pick, joins[:, None])
        result[todo] = c
        going = blocked | joins
        if not going.any():
            break
        todo, g, b, c, used, tolerance = (one[going] for one in (todo, g, b, c, used, tolerance))
    return result * scale
