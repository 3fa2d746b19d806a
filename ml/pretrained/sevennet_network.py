"""The layers of SevenNet-0 in torch alone: equivariant convolutions over the bonds of a crystal.

SevenNet (Park et al., J. Chem. Theory Comput. 20 (2024) 4857) is a NequIP network (Batzner et al.,
Nat. Commun. 13 (2022) 2453). An atom's state is a set of channels u for each angular momentum l; an
atom hears along each path l₁ ⊗ l₂ → l₃ of its neighbours j

    m_u = (2l₃ + 1)^½ Σ_j w_u(r_j) Σ C^{l₁l₂l₃} x_{ju}^{l₁} Y^{l₂}(r̂_j)

with w a small network of the distance and C the coupling coefficients, which come with the weights.
Components of l = 1 are x, y, z; harmonics have a mean square of one over the sphere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import silu

CUTOFF = 5.0  # Å
LAYERS = 5
CHANNELS = (128, 64, 32)  # of l = 0, 1, 2; the last layer makes l = 0 alone
_CUTOFF_ON = 4.5  # Å, from where bonds fade
_HIDDEN = 64
_SILU_GAIN = 1.6791768  # ⟨silu(z)²⟩^−½ of normal z: activations keep the mean square
_BONDS = 2048  # whose messages are in memory at once

State = list[Tensor]
"""(n, 2l + 1, channels) of each l."""


@dataclass(frozen=True)
class Bonds:
    """Neighbours of every atom, in descending order of their number.

    Attributes
    ----------
    neighbour : (n, m) int64
        Rows with fewer are filled up.
    vector : (n, m, 3)
        To the neighbour, Å; as long as the cutoff where filled up, which counts nothing.
    count : (n,)
        How many each atom has.
    """

    neighbour: Tensor
    vector: Tensor
    count: NDArray[np.int64]


@dataclass(frozen=True)
class _Path:
    """One product of states and harmonics: which of the distance's weights are its own, and where
    it goes among the channels that are collected at l₃."""

    l_edge: int
    l_out: int
    weights: slice
    channels: slice


class SevenNet:
    """The layers, with the weights of a checkpoint.

    Parameters
    ----------
    weights : mapping
        The state of the model in the checkpoint.
    element : mapping
        From the atomic number to the number of the element in the checkpoint.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], element: Mapping[int, int], device: torch.device
    ) -> None:
        self.element = element
        self.device = device
        self._weights = {name: values.to(device) for name, values in weights.items()}

    def states(self, numbers: Tensor, bonds: Bonds) -> Iterator[State]:
        """What every layer makes of atoms (n,) of these elements."""
        table = self._dense("onehot_to_feature_x", len(self.element), CHANNELS[0])
        state = [table[self._kinds(numbers)][:, None]]
        distance = bonds.vector.norm(dim=2)
        radial, angular = self._radial(distance), _harmonics(bonds.vector / distance[:, :, None])
        for layer in range(LAYERS):
            state = self._layer(layer, state, bonds, radial, angular)
            yield state

    def energies(self, numbers: Tensor, last: State) -> Tensor:
        """(n,) eV of each atom, from the state that the last layer makes."""
        kinds = self._kinds(numbers)
        hidden = last[0][:, 0] @ self._dense("reduce_input_to_hidden", CHANNELS[0], _HIDDEN)
        energy = (hidden @ self._dense("reduce_hidden_to_energy", _HIDDEN, 1))[:, 0]
        scale, shift = (self._weights[f"rescale_atomic_energy.{of}"] for of in ("scale", "shift"))
        return energy * scale[kinds] + shift[kinds]

    def _kinds(self, numbers: Tensor) -> Tensor:
        return torch.tensor([self.element[z] for z in numbers.tolist()], device=self.device)

    def _radial(self, distance: Tensor) -> Tensor:
        """(n, m) Å -> (n, m, 8) Bessel functions, smoothly cut off."""
        r = distance[:, :, None]
        waves = torch.sin(self._weights["edge_embedding.basis_function.coeffs"] * r) / r
        on, off = _CUTOFF_ON**2, CUTOFF**2
        fading = (off - r**2) ** 2 * (off + 2 * r**2 - 3 * on) / (off - on) ** 3
        return 2 / CUTOFF * waves * torch.where(r < _CUTOFF_ON, 1.0, fading)

    def _layer(
        self, layer: int, state: State, bonds: Bonds, radial: Tensor, angular: State
    ) -> State:
        made_of = CHANNELS if layer < LAYERS - 1 else CHANNELS[:1]
        widths = (CHANNELS[0] + sum(made_of[1:]), *made_of[1:])  # a gate for each vector and tensor
        own = self._linear(f"{layer}_self_connection_intro", state, widths)
        turned = self._linear(f"{layer}_self_interaction_1", state, CHANNELS)
        heard = self._convolve(layer, turned, bonds, radial, angular, len(made_of) - 1)
        made = self._linear(f"{layer}_self_interaction_2", heard, widths)
        made = [block + own[l] if l < len(own) else block for l, block in enumerate(made)]
        scalars, *gates = torch.split(_activated(made[0]), list(made_of), dim=2)
        return [scalars, *(block * gate for block, gate in zip(made[1:], gates, strict=True))]

    def _convolve(
        self,
        layer: int,
        state: State,
        bonds: Bonds,
        radial: Tensor,
        angular: State,
        l_max: int,
    ) -> State:
        """What every atom hears: (n, 2l + 1, channels of the paths to l)."""
        paths, widths = _paths(len(state), l_max)
        n = len(bonds.count)
        found = [state[0].new_zeros(n, 2 * l + 1, width) for l, width in enumerate(widths)]
        for atoms, near in _parts(bonds.count):
            weights = self._weights_of(layer, radial[atoms, near])
            for l, those in enumerate(paths):
                heard = state[l][bonds.neighbour[atoms, near]]  # (s, m, 2l + 1, channels)
                for path in those:
                    turn = self._coupling(layer, l, path, angular[path.l_edge][atoms, near])
                    weighed = heard * weights[:, :, None, path.weights]
                    found[path.l_out][atoms, :, path.channels] = torch.bmm(
                        turn.flatten(1, 2).transpose(1, 2), weighed.flatten(1, 2)
                    )
        denominator = self._weights[f"{layer}_convolution.denominator"]
        return [block / denominator for block in found]

    def _coupling(self, layer: int, l: int, path: _Path, angular: Tensor) -> Tensor:
        """(s, m, 2l + 1, 2l₃ + 1): what a path makes of the components of a state at a bond."""
        if l == 0:
            return angular[:, :, None, :]
        if path.l_edge == 0:
            one = torch.eye(2 * l + 1, device=self.device, dtype=angular.dtype)
            return angular[:, :, :, None] * one
        if path.l_out == 0:
            return angular[:, :, :, None] / sqrt(2 * l + 1)
        name = f"{layer}_convolution.convolution._compiled_main_left_right"
        coefficients = self._weights[f"{name}._w3j_{l}_{path.l_edge}_{path.l_out}"]
        gain = sqrt(2 * path.l_out + 1)
        return gain * torch.einsum("ijk,smj->smik", coefficients, angular)

    def _weights_of(self, layer: int, radial: Tensor) -> Tensor:
        """(s, m, weights of all paths) of the distances."""
        name = f"{layer}_convolution.weight_nn"
        first, second, last = (self._weights[f"{name}.layer{k}.weight"] for k in range(3))
        hidden = _activated(radial @ (first / sqrt(len(first))))
        hidden = _activated(hidden @ (second / sqrt(len(second))))
        return hidden @ (last / sqrt(len(last)))

    def _dense(self, name: str, rows: int, columns: int) -> Tensor:
        return self._weights[f"{name}.linear.weight"].view(rows, columns) / sqrt(rows)

    def _linear(self, name: str, state: State, widths: tuple[int, ...]) -> State:
        """Channels mixed with each other, each l apart; of the l that both have."""
        found, at = [], 0
        weights = self._weights[f"{name}.linear.weight"]
        for block, width in zip(state, widths, strict=False):
            rows = block.shape[2]
            found.append(block @ (weights[at : at + rows * width].view(rows, width) / sqrt(rows)))
            at += rows * width
        return found


def _parts(count: NDArray[np.int64]) -> Iterator[tuple[slice, slice]]:
    """Atoms whose messages are made together, and how many neighbours they have at most."""
    at = 0
    while at < len(count) and count[at] > 0:
        atoms = slice(at, at + max(_BONDS // int(count[at]), 1))
        yield atoms, slice(0, int(count[at]))
        at = atoms.stop


def _paths(n_in: int, l_max: int) -> tuple[list[list[_Path]], list[int]]:
    """Of each l of the states, the paths that begin there, in the order of the weights; and how
    many channels are collected at each l₃."""
    found: list[list[_Path]] = []
    weight, filled = 0, [0] * (l_max + 1)
    for l in range(n_in):
        found.append([])
        channels = CHANNELS[l]
        for l_edge in range(len(CHANNELS)):
            for l_out in range(abs(l - l_edge), min(l + l_edge, l_max) + 1):
                start = filled[l_out]
                filled[l_out] += channels
                place = slice(weight, weight + channels), slice(start, start + channels)
                found[-1].append(_Path(l_edge, l_out, *place))
                weight += channels
    return found, filled


def _activated(values: Tensor) -> Tensor:
    return _SILU_GAIN * silu(values)


def _harmonics(unit: Tensor) -> State:
    """(n, m, 2l + 1) of each l, of unit vectors (n, m, 3)."""
    x, y, z = unit.unbind(dim=2)
    second = [
        sqrt(3) * x * z,
        sqrt(3) * x * y,
        y * y - 0.5 * (x * x + z * z),
        sqrt(3) * y * z,
        sqrt(3) / 2 * (z * z - x * x),
    ]
    return [torch.ones_like(unit[:, :, :1]), sqrt(3) * unit, sqrt(5) * torch.stack(second, dim=2)]
