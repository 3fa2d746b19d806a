"""Gated messages along the bonds, summed at each atom (Xie & Grossman 2018, eq. 5).

With ``z`` the sum of what target, source and bond say, split into a gate and a core half, a node
receives ``Σ weight · sigmoid(z_gate) · softplus(z_core)``. On the CPU one compiled pass over the
bonds does it, and another its gradient: nothing of the size of the bonds is ever written.
:func:`gated_sum_plain` is the same in tensor operations, for other devices and as the check.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.nn.functional import softplus


def gated_sum(
    target_part: Tensor,
    source_part: Tensor,
    bond_part: Tensor,
    edges: Tensor,
    level: Tensor,
    weight: Tensor,
) -> Tensor:
    """What each node receives.

    Parameters
    ----------
    target_part, source_part : (N, 2A)
    bond_part : (L, 2A)
        Of each distinct bond length.
    edges : (2, E)
        Source → target.
    level, weight : (E,)
        Row of ``bond_part`` and number of equal bonds.

    Returns
    -------
    Tensor
        (N, A)
    """
    parts = (target_part, source_part, bond_part)
    if target_part.device.type == "cpu" and target_part.dtype == torch.float32:
        return torch.as_tensor(_GatedSum.apply(*parts, edges, level, weight))  # type: ignore[no-untyped-call]
    return gated_sum_plain(*parts, edges, level, weight)


def gated_sum_plain(
    target_part: Tensor,
    source_part: Tensor,
    bond_part: Tensor,
    edges: Tensor,
    level: Tensor,
    weight: Tensor,
) -> Tensor:
    """:func:`gated_sum` in tensor operations."""
    source, target = edges
    pair = target_part[target] + source_part[source] + bond_part[level]
    gate, core = pair.chunk(2, dim=1)
    message = gate.sigmoid() * softplus(core) * weight[:, None]
    return torch.zeros_like(target_part[:, : gate.shape[1]]).index_add(0, target, message)


class _GatedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> Tensor:
        ctx.save_for_backward(*given)
        arrays = [one.detach().contiguous().numpy() for one in given]
        return torch.from_numpy(_forward(*arrays))

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor | None, ...]:
        arrays = [one.detach().contiguous().numpy() for one in ctx.saved_tensors]
        found = _backward(grad[0].contiguous().numpy(), *arrays)
        return (*(torch.from_numpy(one) for one in found), None, None, None)


# A division that may raise would keep a loop out of the vector registers.
_vectorized = njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
_inlined = njit(inline="always", error_model="numpy")


@_inlined
def _decay(x):  # type: ignore[no-untyped-def]
    """exp(−|x|) to 1e-5 of itself without a call, so that the loop around it runs in vector
    registers: Taylor's series at |x|/64, squared six times; below exp(−20) it stays there."""
    y = np.float32(-1 / 64) * min(abs(x), np.float32(20.0))
    p = np.float32(1 / 120) + y * np.float32(1 / 720)
    p = np.float32(1 / 24) + y * p
    p = np.float32(1 / 6) + y * p
    p = np.float32(0.5) + y * p
    p = np.float32(1.0) + y * p
    p = np.float32(1.0) + y * p
    p *= p
    p *= p
    p *= p
    p *= p
    p *= p
    return p * p


@_inlined
def _sigmoid(x, decay):  # type: ignore[no-untyped-def]
    """From x and exp(−|x|)."""
    return (np.float32(1.0) if x >= 0 else decay) / (np.float32(1.0) + decay)


@_inlined
def _softplus(x, decay):  # type: ignore[no-untyped-def]
    """From x and exp(−|x|); log(1 + e) = 2 artanh(e / (2 + e)), whose argument is below 1/3."""
    z = decay / (np.float32(2.0) + decay)
    s = z * z
    p = np.float32(1 / 9) + s * np.float32(1 / 11)
    p = np.float32(1 / 7) + s * p
    p = np.float32(1 / 5) + s * p
    p = np.float32(1 / 3) + s * p
    p = np.float32(1.0) + s * p
    return max(x, np.float32(0.0)) + np.float32(2.0) * z * p


@_vectorized
def _forward(target_part, source_part, bond_part, edges, level, weight):  # type: ignore[no-untyped-def]
    width = target_part.shape[1] // 2
    out = np.zeros((target_part.shape[0], width), np.float32)
    z = np.empty(2 * width, np.float32)
    message = np.empty(width, np.float32)
    for e in range(level.size):
        t = edges[1, e]
        _join(target_part[t], source_part[edges[0, e]], bond_part[level[e]], z)
        _say(z[:width], z[width:], weight[e], message)
        _add(out[t], message)
    return out


@_vectorized
def _backward(grad, target_part, source_part, bond_part, edges, level, weight):  # type: ignore[no-untyped-def]
    width = target_part.shape[1] // 2
    to_target = np.zeros_like(target_part)
    to_source = np.zeros_like(source_part)
    to_bond = np.zeros_like(bond_part)
    z = np.empty(2 * width, np.float32)
    step = np.empty(2 * width, np.float32)
    for e in range(level.size):
        t, s, l = edges[1, e], edges[0, e], level[e]
        _join(target_part[t], source_part[s], bond_part[l], z)
        _pull(z[:width], z[width:], weight[e], grad[t], step[:width], step[width:])
        _add(to_target[t], step)
        _add(to_source[s], step)
        _add(to_bond[l], step)
    return to_target, to_source, to_bond


@_vectorized
def _join(a, b, c, z):  # type: ignore[no-untyped-def]
    for k in range(z.size):
        z[k] = a[k] + b[k] + c[k]


@_vectorized
def _say(gate, core, weight, message):  # type: ignore[no-untyped-def]
    for k in range(message.size):
        g, c = gate[k], core[k]
        message[k] = weight * _sigmoid(g, _decay(g)) * _softplus(c, _decay(c))


@_vectorized
def _pull(gate, core, weight, grad, to_gate, to_core):  # type: ignore[no-untyped-def]
    for k in range(grad.size):
        g, c = gate[k], core[k]
        decay = _decay(c)
        opened = _sigmoid(g, _decay(g))
        pull = weight * grad[k] * opened
        to_gate[k] = pull * (np.float32(1.0) - opened) * _softplus(c, decay)
        to_core[k] = pull * _sigmoid(c, decay)


@_vectorized
def _add(row, step):  # type: ignore[no-untyped-def]
    for k in range(step.size):
        row[k] += step[k]
