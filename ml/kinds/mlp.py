"""A dense network on descriptors of the site."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ml.descriptors import BLOCKS
from ml.inputs import Inputs, Sees
from ml.kinds.networks import NetworkKind
from ml.output import Basis, SpectrumHead, SpectrumNetwork


@dataclass(frozen=True)
class MlpSize:
    """Of the network: width, layers, and the share of features dropped in training."""

    hidden: int = 384
    n_blocks: int = 2
    dropout: float = 0.25


class MlpNetwork(SpectrumNetwork):
    """Descriptors (n, width) → spectra (n, grid): residual blocks of equal width."""

    def __init__(self, width: int, basis: Basis, size: MlpSize) -> None:
        super().__init__()
        hidden = size.hidden
        self.enter = nn.Sequential(nn.Dropout(0.1), nn.Linear(width, hidden))
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(hidden),
                nn.SiLU(),
                nn.Dropout(size.dropout),
                nn.Linear(hidden, hidden),
            )
            for _ in range(size.n_blocks)
        )
        self.leave = nn.Sequential(nn.LayerNorm(hidden), nn.SiLU())
        self.head = SpectrumHead(hidden, basis)

    def seen(self, batch: Tensor) -> Tensor:
        return batch

    def read(self, seen: Tensor) -> Tensor:
        h = self.enter(seen)
        for block in self.blocks:
            h = h + block(h)
        return torch.as_tensor(self.leave(h))


class Mlp(NetworkKind[MlpSize]):
    """Networks that see our own descriptors of the site."""

    kind = "mlp"
    version = 4
    sees = Sees(BLOCKS)
    size = MlpSize()
    epochs = 60
    batch_size = 128

    @classmethod
    def network(cls, inputs: Inputs, basis: Basis, size: MlpSize) -> SpectrumNetwork:
        return MlpNetwork(inputs.width, basis, size)

    @classmethod
    def suggest_size(cls, trial: Any, size: MlpSize) -> MlpSize:
        return replace(
            size,
            dropout=trial.suggest_float("dropout", 0.0, 0.5),
            hidden=trial.suggest_int("hidden", 128, 640, step=128),
            n_blocks=trial.suggest_int("n_blocks", 1, 3),
        )
