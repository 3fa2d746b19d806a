"""Crystal graph convolutions (Xie & Grossman, PRL 120, 145301 (2018), eq. 5) read out at the
absorbing atom: its own state, its neighbours pooled by distance, and the mean of the crystal."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from ml.cgcnn.graphs import CUTOFF, GraphBatch
from ml.cgcnn.messages import gated_sum
from ml.elements import element_table
from ml.output import Basis, SpectrumHead, SpectrumNetwork


class GatedConv(nn.Module):
    """One graph convolution with a gate on each bond."""

    def __init__(self, atom_dim: int, bond_dim: int) -> None:
        super().__init__()
        # The linear map of [target, source, bond] is split, so that the atom parts are computed
        # once per atom and not once per bond.
        self.target = nn.Linear(atom_dim, 2 * atom_dim)
        self.source = nn.Linear(atom_dim, 2 * atom_dim, bias=False)
        self.bond = nn.Linear(bond_dim, 2 * atom_dim, bias=False)
        self.norm = nn.LayerNorm(atom_dim)

    def forward(
        self, atoms: Tensor, bonds: Tensor, edges: Tensor, level: Tensor, weight: Tensor
    ) -> Tensor:
        """atoms (N, A), bonds (L, B) of each length, edges (2, E), level, weight (E,) -> (N, A)."""
        parts = (self.target(atoms), self.source(atoms), self.bond(bonds))
        return torch.as_tensor(silu(atoms + self.norm(gated_sum(*parts, edges, level, weight))))


def gaussians(away: Tensor) -> Tensor:
    """exp(−away²/2), but nowhere below 10⁻¹¹.

    Farther out they and their products with gradients would be too small for the processor's usual
    numbers, with which it takes up to thirty times as long.
    """
    return torch.exp(-0.5 * (away**2).clamp(max=50.0))


@dataclass(frozen=True)
class CgcnnSize:
    """Of the network: widths, layers, and the share of features dropped in training."""

    atom_dim: int = 96
    bond_dim: int = 40
    n_conv: int = 3
    hidden: int = 256
    dropout: float = 0.1


class CgcnnNetwork(SpectrumNetwork):
    """Graph → spectra of its absorbing atoms."""

    table: Tensor
    centres: Tensor

    def __init__(self, basis: Basis, size: CgcnnSize) -> None:
        super().__init__()
        atom_dim, bond_dim, hidden = size.atom_dim, size.bond_dim, size.hidden
        table = torch.tensor(element_table(), dtype=torch.float32)
        self.register_buffer("table", table)
        self.register_buffer("centres", torch.linspace(1.2, CUTOFF, bond_dim))
        self.width = float((CUTOFF - 1.2) / (bond_dim - 1))
        self.own = nn.Embedding(len(table), 16)
        self.embed = nn.Linear(table.shape[1] + 16, atom_dim)
        self.convolutions = nn.ModuleList(GatedConv(atom_dim, bond_dim) for _ in range(size.n_conv))
        pool = 12
        self.radial = nn.Linear(bond_dim, pool, bias=False)
        self.value = nn.Linear(atom_dim, 24)
        self.readout = nn.Sequential(
            nn.Linear(2 * atom_dim + pool * 24, hidden),
            nn.LayerNorm(hidden),
            nn.SiLU(),
            nn.Dropout(size.dropout),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
        )
        self.head = SpectrumHead(hidden, basis)

    def seen(self, batch: GraphBatch) -> Tensor:
        numbers, (source, target) = batch.numbers, batch.edges
        atoms = silu(self.embed(torch.cat([self.table[numbers], self.own(numbers)], dim=1)))
        bonds = gaussians((batch.distance[:, None] - self.centres) / self.width)
        for convolution in self.convolutions:
            atoms = convolution(atoms, bonds, batch.edges, batch.level, batch.weight)
        slot = torch.full_like(numbers, -1)
        slot[batch.absorber] = torch.arange(len(batch.absorber), device=slot.device)
        chosen = (slot[target] >= 0).nonzero().squeeze(1)  # bonds that end at an absorber
        weighted = self.radial(bonds)[batch.level[chosen]] * batch.weight[chosen, None]
        outer = torch.einsum("ek,ev->ekv", weighted, self.value(atoms)[source[chosen]]).flatten(1)
        shell = torch.zeros(len(batch.absorber), outer.shape[1], device=outer.device)
        shell = shell.index_add(0, slot[target[chosen]], outer)
        n_crystals = int(batch.crystal[-1]) + 1
        count = batch.count.to(atoms.dtype)
        total = torch.zeros(n_crystals, atoms.shape[1], device=atoms.device)
        total = total.index_add(0, batch.crystal, atoms * count[:, None])
        size = torch.zeros(n_crystals, device=atoms.device).index_add(0, batch.crystal, count)
        mean = (total / size[:, None])[batch.crystal[batch.absorber]]
        return torch.cat([atoms[batch.absorber], shell, mean], dim=1)[batch.answer]

    def read(self, seen: Tensor) -> Tensor:
        return torch.as_tensor(self.readout(seen))
