"""The density of neighbours around the absorber, in learned channels, and its correlations.

Each neighbour spreads a learned vector over a learned radial function and the real spherical
harmonics of its direction; the sums over all neighbours are contracted to numbers that no rotation
changes. That is the atomic cluster expansion (Drautz, PRB 99 (2019) 014104) up to the product of
two densities, which holds distances and angles. What a neighbour is comes from convolutions over
the crystal's graph, or from the layers of a pretrained potential.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from ml.cgcnn import GatedConv, gaussians
from ml.elements import element_table
from ml.inputs import Inputs, Sees
from ml.kinds.networks import NetworkKind
from ml.output import Basis, SpectrumHead, SpectrumNetwork
from ml.surroundings import CUTOFF, Stars

_L_MAX = 3
_FIRST = 1.2  # Å, the shortest bond that occurs


@dataclass(frozen=True)
class AceSize:
    """Of the network: convolutions, widths, and the share of features dropped in training."""

    n_conv: int = 2
    node_dim: int = 64
    channels: int = 48
    n_radial: int = 24
    hidden: int = 256
    dropout: float = 0.15


class AceNetwork(SpectrumNetwork):
    """Stars of absorbers, and what is known of nodes and absorbers → spectra (s, grid).

    The states of the nodes are convolved over their graph ``n_conv`` times.
    """

    table: Tensor
    centres: Tensor

    def __init__(self, inputs: Inputs, basis: Basis, size: AceSize) -> None:
        super().__init__()
        node_dim, channels, hidden = size.node_dim, size.channels, size.hidden
        n_radial, dropout = size.n_radial, size.dropout
        table = torch.tensor(element_table(), dtype=torch.float32)
        self.register_buffer("table", table)
        self.register_buffer("centres", torch.linspace(_FIRST, CUTOFF, n_radial))
        self.own = nn.Embedding(len(table), 16)
        self.embed = nn.Linear(table.shape[1] + 16 + inputs.width, node_dim)
        self.convolutions = nn.ModuleList(GatedConv(node_dim, n_radial) for _ in range(size.n_conv))
        self.value = nn.Linear(node_dim, channels)
        orders = range(_L_MAX + 1)
        self.radial = nn.ModuleList(nn.Linear(n_radial, channels, bias=False) for _ in orders)
        self.left = nn.ModuleList(nn.Linear(channels, channels, bias=False) for _ in orders)
        self.right = nn.ModuleList(nn.Linear(channels, channels, bias=False) for _ in orders)
        self.size = nn.Parameter(torch.full((len(orders),), 0.3))
        seen = channels * (len(orders) + 1) + 2 * node_dim + 2 * table.shape[1]
        seen += inputs.width_beside
        self.readout = nn.Sequential(
            nn.LayerNorm(seen),
            nn.Dropout(dropout / 2),
            nn.Linear(seen, hidden),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.LayerNorm(hidden),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Dropout(dropout),
        )
        self.head = SpectrumHead(hidden, basis)

    def seen(self, batch: Stars) -> Tensor:
        elements = self.table[batch.numbers]
        nodes = torch.cat([elements, self.own(batch.numbers), batch.known], dim=1)
        nodes = silu(self.embed(nodes))
        if (graph := batch.graph) is not None:
            bonds = self._basis(graph.distance)
            for convolution in self.convolutions:
                nodes = convolution(nodes, bonds, graph.edges, graph.level, graph.weight)
        mean = _mean(elements, batch)
        spread = (_mean(elements**2, batch) - mean**2).clamp(min=1e-6).sqrt()
        crystal = batch.crystal[batch.absorber]
        whole = torch.cat([_mean(nodes, batch), mean, spread], dim=1)[crystal]
        around = self._correlations(batch, self.value(nodes)[batch.source])
        beside = [] if batch.beside is None else [batch.beside]
        return torch.cat([*around, nodes[batch.absorber], whole, *beside], dim=1)

    def read(self, seen: Tensor) -> Tensor:
        return torch.as_tensor(self.readout(seen))

    def _basis(self, distance: Tensor) -> Tensor:
        """distance (…) -> (…, n_radial) Gaussians."""
        width = (CUTOFF - _FIRST) / (len(self.centres) - 1)
        return gaussians((distance[..., None] - self.centres) / width)

    def _correlations(self, batch: Stars, value: Tensor) -> list[Tensor]:
        """(s, channels) each: the density without angle, and products of two by order."""
        distance = batch.vector.norm(dim=2).clamp(1e-6, CUTOFF)  # (s, m)
        basis = (
            self._basis(distance) * (0.5 * torch.cos(torch.pi * distance / CUTOFF) + 0.5)[..., None]
        )
        angular = harmonics(batch.vector / distance[..., None])
        found = []
        for l, size in enumerate(self.size):
            spread = self.radial[l](basis) * value  # (s, m, channels)
            density = size * angular[l].transpose(1, 2) @ spread  # (s, 2l + 1, channels)
            if l == 0:
                found.append(density[:, 0])
            product = (self.left[l](density) * self.right[l](density)).sum(dim=1)
            # A signed root tames the range of the products; the constant keeps its slope finite.
            found.append(product.sign() * ((product.abs() + 1e-2).sqrt() - 0.1))
        return found


def harmonics(unit: Tensor) -> list[Tensor]:
    """Real spherical harmonics of unit vectors (…, 3): (…, 2l + 1) of each l up to 3.

    Normalised to a mean square of one over the sphere.
    """
    x, y, z = unit.unbind(dim=-1)
    s3, s5, s7 = 3**0.5, 5**0.5, 7**0.5
    return [
        torch.ones_like(unit[..., :1]),
        s3 * unit,
        s5
        * torch.stack(
            [s3 * x * y, s3 * y * z, 1.5 * z**2 - 0.5, s3 * x * z, s3 / 2 * (x**2 - y**2)], dim=-1
        ),
        s7
        * torch.stack(
            [
                (5 / 8) ** 0.5 * y * (3 * x**2 - y**2),
                15**0.5 * x * y * z,
                (3 / 8) ** 0.5 * y * (5 * z**2 - 1),
                0.5 * z * (5 * z**2 - 3),
                (3 / 8) ** 0.5 * x * (5 * z**2 - 1),
                15**0.5 / 2 * z * (x**2 - y**2),
                (5 / 8) ** 0.5 * x * (x**2 - 3 * y**2),
            ],
            dim=-1,
        ),
    ]


def _mean(values: Tensor, batch: Stars) -> Tensor:
    """(crystals, f) mean over the atoms of each."""
    n = int(batch.crystal[-1]) + 1
    count = batch.count.to(values.dtype)[:, None]
    total = values.new_zeros(n, values.shape[1]).index_add(0, batch.crystal, values * count)
    return total / count.new_zeros(n, 1).index_add(0, batch.crystal, count)


class Ace(NetworkKind[AceSize]):
    """Networks that see the crystal's graph and where every atom lies around the absorber."""

    kind = "ace"
    version = 3
    sees = Sees(around=True)
    size = AceSize()
    epochs = 48
    batch_size = 64

    @classmethod
    def network(cls, inputs: Inputs, basis: Basis, size: AceSize) -> SpectrumNetwork:
        return AceNetwork(inputs, basis, size)

    @classmethod
    def suggest_size(cls, trial: Any, size: AceSize) -> AceSize:
        found = suggest_widths(trial, size)
        return replace(found, n_conv=trial.suggest_int("n_conv", 1, 3))


def suggest_widths(trial: Any, size: AceSize) -> AceSize:
    """What a search changes whatever is known of the atoms."""
    return replace(
        size,
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        hidden=trial.suggest_int("hidden", 128, 640, step=128),
        node_dim=trial.suggest_int("node_dim", 32, 96, step=32),
        channels=trial.suggest_int("channels", 24, 72, step=24),
    )
