"""Covariances of neighbouring energies factorised in a time that grows with how many there are.

    A = B + D₁K₁D₁ + D₂K₂D₂ + D₃K₃D₃ + UUᵀ

B is banded and the same along its diagonals (noise, and fields that reach a few energies), K_p
falls exponentially with distance, D_p is diagonal, and U has few columns. Without UUᵀ the factor L
is of the same kind: within the band it is what it is, and below it

    L_ij = Σ_p d_ip φ_p^(i−j) w_jp

as where there is no band (Foreman-Mackey et al., Astron. J. 154, 220 (2017), section 5). What is
asked of A follows by Woodbury's identity from L⁻¹ times U and whatever is compared.

Functions take real numbers or complex ones, so that a derivative is the imaginary part of a
small imaginary step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compute.jit import njit

N_DECAYS = 3


@njit(cache=True, nogil=True)
def factorise(band: Any, decay: Any, side: Any, within: Any, below: Any) -> Any:
    """Cholesky factor of the part without U, and ln of its determinant.

    Parameters
    ----------
    band : (b + 1,)
        B by distance.
    decay : float64 (3,)
        φ_p, of one step.
    side : float64 (n + b, 3)
        d_p, with zeros after the n-th.
    within : (n, b + 1), below : (n, 3)
        L by column, ``within[j, t]`` being L of row j + t, and w; changed in place.

    Raises
    ------
    LinAlgError
        If the matrix is not positive definite.
    """
    n, reach = within.shape[0], band.size - 1
    power = powers(decay, reach)
    left = np.empty((n + reach, reach + 1), band.dtype)  # of columns, less what came before
    for j in range(n + reach):
        left[j] = band
    far = np.zeros((3, 3), band.dtype)  # Σ φ^(j−k) w_k w_kᵀ φ^(j−k) of k < j − b
    spread, product = np.log(band[0] / band[0]), band[0] / band[0]
    for j in range(n):
        column = left[j]
        a, b, c = side[j, 0], side[j, 1], side[j, 2]
        # What is left of column j below the band, before the columns k < j − b + t count
        u = a - (far[0, 0] * a + far[0, 1] * b + far[0, 2] * c)
        v = b - (far[1, 0] * a + far[1, 1] * b + far[1, 2] * c)
        w = c - (far[2, 0] * a + far[2, 1] * b + far[2, 2] * c)
        for t in range(reach):
            column[t] += (
                side[j + t, 0] * power[t, 0] * u
                + side[j + t, 1] * power[t, 1] * v
                + side[j + t, 2] * power[t, 2] * w
            )
            k, back = j - reach + t, reach - t
            if k >= 0:
                here = within[k, back]
                u -= power[back, 0] * below[k, 0] * here
                v -= power[back, 1] * below[k, 1] * here
                w -= power[back, 2] * below[k, 2] * here
        column[reach] += (
            side[j + reach, 0] * power[reach, 0] * u
            + side[j + reach, 1] * power[reach, 1] * v
            + side[j + reach, 2] * power[reach, 2] * w
        )
        if not column[0].real > 0.0:
            raise np.linalg.LinAlgError("not positive definite")
        product *= column[0]
        if j % 8 == 7:  # a logarithm costs more than its product, which must not underflow
            spread += np.log(product)
            product = band[0] / band[0]
        scale = 1.0 / np.sqrt(column[0])
        own = within[j]
        for t in range(reach + 1):
            own[t] = column[t] * scale
        below[j, 0], below[j, 1], below[j, 2] = u * scale, v * scale, w * scale
        for s in range(1, reach + 1):
            take, target, rest = own[s], left[j + s], own[s:]
            for t in range(rest.size):
                target[t] -= take * rest[t]
        k = j - reach
        for p in range(3):
            for q in range(p, 3):
                if k >= 0:
                    far[p, q] += power[reach, p] * below[k, p] * power[reach, q] * below[k, q]
                far[p, q] *= decay[p] * decay[q]
                far[q, p] = far[p, q]
    return spread + np.log(product)


@njit(cache=True, nogil=True)
def powers(decay: Any, most: int) -> Any:
    """φ_p to the 0th … most-th, (most + 1, 3)."""
    out = np.ones((most + 1, decay.size))
    for t in range(1, most + 1):
        out[t] = out[t - 1] * decay
    return out


@njit(cache=True, nogil=True)
def whiten(within: Any, below: Any, decay: Any, side: Any, columns: Any) -> None:
    """L⁻¹ times columns, in place; arrays as of `factorise`.

    Parameters
    ----------
    columns : (n, m)
    """
    n, reach, m = within.shape[0], within.shape[1] - 1, columns.shape[1]
    last = powers(decay, reach)[reach]
    total = np.empty(m, columns.dtype)
    far = np.zeros((3, m), columns.dtype)  # Σ φ^(i−k) w_k x_k of k < i − b
    one, two, three = far[0], far[1], far[2]
    for i in range(n):
        row = columns[i]
        first, second, third = side[i, 0], side[i, 1], side[i, 2]
        for r in range(m):
            total[r] = row[r] - (first * one[r] + second * two[r] + third * three[r])
        t, most = 1, min(reach, i)
        while t + 3 <= most:  # four at once: a sum is loaded and stored once for them
            a, b = within[i - t, t], within[i - t - 1, t + 1]
            c, d = within[i - t - 2, t + 2], within[i - t - 3, t + 3]
            at = i - t
            w, x, y, z = columns[at], columns[at - 1], columns[at - 2], columns[at - 3]
            for r in range(m):
                total[r] -= a * w[r] + b * x[r] + c * y[r] + d * z[r]
            t += 4
        while t <= most:
            a, w = within[i - t, t], columns[i - t]
            for r in range(m):
                total[r] -= a * w[r]
            t += 1
        scale = 1.0 / within[i, 0]
        for r in range(m):
            row[r] = total[r] * scale
        k = i - reach
        if k >= 0:
            a, b, c = last[0] * below[k, 0], last[1] * below[k, 1], last[2] * below[k, 2]
            x = columns[k]
            for r in range(m):
                one[r] = decay[0] * (one[r] + a * x[r])
                two[r] = decay[1] * (two[r] + b * x[r])
                three[r] = decay[2] * (three[r] + c * x[r])


@njit(cache=True, nogil=True)
def unwhiten(within: Any, below: Any, decay: Any, side: Any, column: Any) -> None:
    """L⁻ᵀ times one column (n,), in place; arrays as of `factorise`."""
    n, reach = within.shape[0], within.shape[1] - 1
    last = powers(decay, reach)[reach]
    far = np.zeros(3)  # Σ φ^(k−i) d_k v_k of k > i + b
    for i in range(n - 1, -1, -1):
        total = column[i]
        for t in range(1, min(reach, n - 1 - i) + 1):
            total -= within[i, t] * column[i + t]
        for p in range(3):
            total -= below[i, p] * far[p]
        column[i] = total / within[i, 0]
        for p in range(3):
            if i + reach < n:
                far[p] += last[p] * side[i + reach, p] * column[i + reach]
            far[p] *= decay[p]


@njit(cache=True, nogil=True)
def woodbury(gram: Any, n_low: int) -> Any:
    """From products under the part without U those under A, and ln det (1 + UᵀM⁻¹U).

    Parameters
    ----------
    gram : (m, m)
        (L⁻¹X)ᵀ(L⁻¹X), the first ``n_low`` columns of X being U; in place, beyond these the products
        under A, and in their rows what `weights` takes.
    """
    m = gram.shape[0]
    spread = 0.0 * np.log(gram[m - 1, m - 1] / gram[m - 1, m - 1])
    for k in range(n_low):
        gram[k, k] += 1.0
    for k in range(n_low):
        pivot = gram[k]
        spread += np.log(pivot[k])
        inverse = 1.0 / pivot[k]
        for i in range(k + 1, m):
            take, row = pivot[i] * inverse, gram[i]
            for j in range(i, m):
                row[j] -= take * pivot[j]
    for i in range(n_low, m):
        for j in range(i):
            gram[i, j] = gram[j, i]
    return spread


@njit(cache=True, nogil=True)
def weights(gram: Any, n_low: int, coefficients: Any) -> Any:
    """(1 + UᵀM⁻¹U)⁻¹ UᵀM⁻¹ X c for the columns X beyond U, of what `woodbury` left; (n_low,)."""
    out = np.zeros(n_low)
    for k in range(n_low - 1, -1, -1):
        total = 0.0
        for j in range(coefficients.size):
            total += gram[k, n_low + j] * coefficients[j]
        for j in range(k + 1, n_low):
            total -= gram[k, j] * out[j]
        out[k] = total / gram[k, k]
    return out


@njit(cache=True, nogil=True)
def solved(matrix: Any, right: Any) -> Any:
    """Solution (n,) of a small symmetric system, and ln |det|; LAPACK takes longer to be called.

    No pivots are sought: the matrix (n, n) is a product XᵀX, perhaps with more on its diagonal.

    Raises
    ------
    LinAlgError
        If a pivot is zero.
    """
    n = right.size
    left, out, spread = matrix.copy(), right.copy(), 0.0
    for k in range(n):
        if left[k, k] == 0.0:
            raise np.linalg.LinAlgError("singular")
        spread += np.log(abs(left[k, k]))
        for i in range(k + 1, n):
            take = left[i, k] / left[k, k]
            for j in range(k + 1, n):
                left[i, j] -= take * left[k, j]
            out[i] -= take * out[k]
    for k in range(n - 1, -1, -1):
        for j in range(k + 1, n):
            out[k] -= left[k, j] * out[j]
        out[k] /= left[k, k]
    return out, spread
