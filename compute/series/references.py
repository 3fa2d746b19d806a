"""Every spectrum of a series as a non-negative combination of references, with errors and doubt."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compute.errors import InputError
from compute.series import kernels
from compute.series.background import featureless, polynomials, wanted_degree
from compute.series.misfit import p_values, probabilities
from compute.series.moving import Bank, fit_moving
from compute.series.noise import Noise, Stated, noise_of
from compute.series.parallel import over_rows
from compute.series.unmixed import Linear, Unmixed, shared
from compute.threads import single_blas

Floats = NDArray[np.float64]
Background = Literal["auto"] | int

FREE = ("shift", "width")
SAMPLE = 2000  # spectra from which the background of a series is judged
NOISE_SAMPLE = 500  # and its noise, of which each channel tells
_ALIKE = 1e-5  # sine of the angle below which a reference is a combination of the others


def unmix(
    spectra: ArrayLike,
    references: ArrayLike,
    *,
    noise: Stated = None,
    free: Collection[str] = (),
    background: Background = "auto",
    energy_ev: ArrayLike | None = None,
    max_shift: float | None = None,
    max_width: float | None = None,
    device: str | None = None,
) -> Unmixed:
    """Fractions of the references in each spectrum, their errors, and whether they are all.

    Parameters
    ----------
    spectra : (n, m)
        On the channels of the references; NaN where there is no value. (m,) is one spectrum.
    references : (k, m)
        Each as high as its phase makes it, by the absorbing atom: fractions follow these heights.
        A row without structure (a constant, a line, a power law) is background: it takes part
        in the fit, and its fraction is its height beside the sum of the others.
    noise
        ``"poisson"`` for counts, ``"gaussian"``, σ as a number, (m,) or (n, m); None estimates
        it: counts are recognised, otherwise a constant plus a part in proportion to the signal.
    free
        ``"shift"``, ``"width"`` or both: of the energy scale and of the resolution, for each
        spectrum by itself.
    background
        Degree of a polynomial of any sign, -1 for none; ``"auto"`` takes what the series as a
        whole asks for.
    energy_ev : (m,), optional
        Uniform; shifts and widths are then in eV, otherwise in channels.
    max_shift, max_width : float, optional
        Bounds of the shift and of the Gaussian σ. As many channels at either end as the bound
        of the shift are left out of a fit with a free shift.
    device : str, optional
        Of torch, for a fixed axis; None is the processors (`compute.series.parallel.device_of`).

    Raises
    ------
    InputError
        Arrays that do not fit together, references that are combinations of each other, a device
        for what is only found on processors.
    """
    y = _rows(spectra, "spectra")
    unmixing = Unmixing.judged(
        y,
        references,
        noise=noise,
        free=free,
        background=background,
        energy_ev=energy_ev,
        max_shift=max_shift,
        max_width=max_width,
    )
    return unmixing.of(y, device)


@dataclass(frozen=True)
class Unmixing:
    """What is settled for a series as a whole; `of` then takes its spectra in parts.

    Attributes
    ----------
    references : float64 (k, m)
    extra : float64 (b, m)
        Rows of the background.
    smooth : bool (k,)
        References without structure.
    noise : Noise
    bank : Bank or None
        Where shift or width are free.
    """

    references: Floats
    extra: Floats
    smooth: NDArray[np.bool_]
    noise: Noise
    bank: Bank | None

    @classmethod
    @single_blas()
    def judged(
        cls,
        sample: ArrayLike,
        references: ArrayLike,
        *,
        noise: Stated = None,
        free: Collection[str] = (),
        background: Background = "auto",
        energy_ev: ArrayLike | None = None,
        max_shift: float | None = None,
        max_width: float | None = None,
    ) -> Self:
        """Noise and background from a sample of the spectra; parameters as for `unmix`."""
        y = _rows(sample, "spectra")
        r = _rows(references, "references", finite=True)
        if y.shape[1] != r.shape[1]:
            raise InputError(
                "references", r.shape, f"have to have the {y.shape[1]} channels of spectra"
            )
        if unknown := set(free) - set(FREE):
            raise InputError("free", sorted(unknown), "may hold 'shift' and 'width'")
        smooth = featureless(r)
        if smooth.all():
            raise InputError("references", r.shape, "have no structure: they are all background")
        _told_apart(r)
        some = y[:: -(-len(y) // SAMPLE)]
        few = y[:: -(-len(y) // NOISE_SAMPLE)] if noise is None or isinstance(noise, str) else y
        found = noise_of(few, noise, _followers(r))
        extra = _background(some, found, r, background)
        kept = np.vstack([r, extra])
        if kept.shape[0] > kept.shape[1] // 2:
            raise InputError("references", r.shape, f"are too many for {kept.shape[1]} channels")
        bank = Bank.of(r, extra, energy_ev, free, max_shift, max_width) if free else None
        return cls(r, extra, smooth, found, bank)

    @single_blas()
    def of(self, spectra: ArrayLike, device: str | None = None) -> Unmixed:
        """Answers to spectra (n, m); how many of *these* hold something else informs the rest."""
        y = _rows(spectra, "spectra")
        k = len(self.references)
        design = np.vstack([self.references, self.extra])
        if self.bank is not None:
            if device is not None:
                raise InputError("device", device, "shift and width are found on processors only")
            linear = fit_moving(y, self.bank, self.noise)
        elif device is not None:
            from compute.series.on_device import fit_fixed_on  # torch takes seconds to load

            linear = fit_fixed_on(device, y, design, k, self.noise)
        else:
            linear = _fit_fixed(y, design, k, self.noise)
        p = p_values(linear.blocks, self.noise.relative_error)
        return shared(linear, self.smooth, k, self.noise, p, probabilities(p))


def _fit_fixed(y: Floats, design: Floats, bounded: int, noise: Noise) -> Linear:
    """All spectra on the axis of the references."""
    n, m = y.shape
    size = len(design)
    out = Linear.empty(n, size)
    whole = np.isfinite(y)
    masks = np.ones((1, m)) if whole.all() else whole.astype(float)
    filled = y if whole.all() else np.where(whole, y, 0.0)
    variances = np.ones((1, m)) if noise.variances is None else noise.variances

    def part(rows: slice) -> None:
        kernels.fixed_batch(
            filled[rows],
            masks if len(masks) == 1 else masks[rows],
            variances if len(variances) == 1 else variances[rows],
            design, bounded, noise.constant, noise.gain,
            out.bounded[rows], out.open[rows], out.covariance[rows], out.blocks[rows],
        )  # fmt: skip

    over_rows(part, n)
    return out


def _rows(values: ArrayLike, name: str, *, finite: bool = False) -> Floats:
    array = np.asarray(values)
    if array.dtype.kind not in "iufb":
        raise InputError(name, array.dtype.name, "are no real numbers")
    rows = np.ascontiguousarray(np.atleast_2d(array), dtype=np.float64)
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(name, array.shape, "have the shape (how many, channels)")
    if np.isinf(rows).any() or (finite and np.isnan(rows).any()):
        bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise InputError(f"{name}[{bad}]", "NaN or infinity", "has to be finite")
    return rows


def _told_apart(references: Floats) -> None:
    """References that others combine to leave nothing to fit."""
    length = np.linalg.norm(references, axis=1)
    if not (length > 0).all():
        raise InputError(f"references[{int(np.argmin(length))}]", 0, "is zero everywhere")
    unit = references / length[:, None]
    for i, row in enumerate(unit):
        others = np.delete(unit, i, axis=0)
        if len(others):
            left = row - others.T @ np.linalg.lstsq(others.T, row, rcond=None)[0]
            if np.linalg.norm(left) < _ALIKE:
                raise InputError(f"references[{i}]", i, "is a combination of the others")


def _followers(references: Floats) -> Floats:
    """Rows that follow references which drift and broaden a little, on a smooth background."""
    slope = np.gradient(references, axis=1)
    rows = [references, slope, np.gradient(slope, axis=1), polynomials(references.shape[1], 2)]
    every = np.vstack(rows)
    length = np.linalg.norm(every, axis=1)
    return np.asarray(every[length > 0] / length[length > 0, None])


def _beside(references: Floats, degree: int) -> Floats:
    """Those of the polynomials that the references do not hold already."""
    rows = polynomials(references.shape[1], degree)
    kept: list[Floats] = []
    for row in rows:
        others = np.vstack([references, *kept])
        left = row - others.T @ np.linalg.lstsq(others.T, row, rcond=None)[0]
        if np.linalg.norm(left) > 1e-3 * np.linalg.norm(row):
            kept.append(row[None])
    return np.vstack(kept) if kept else np.empty((0, references.shape[1]))


def _background(sample: Floats, noise: Noise, references: Floats, stated: Background) -> Floats:
    degree = stated
    if degree == "auto":
        whole = sample[np.isfinite(sample).all(axis=1)]
        if not len(whole):
            degree = 0
        else:
            if noise.variances is not None:
                variances = noise.variances.mean(axis=0)
            else:
                least = noise.constant + noise.gain**2 * kernels.FLOOR
                variances = np.maximum(noise.constant + noise.gain * whole.mean(axis=0), least)
            degree = wanted_degree(whole, variances, references)
    return np.ascontiguousarray(_beside(references, int(degree)))
