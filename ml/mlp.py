"""A dense network on descriptors of the site."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml.output import SpectrumHead


class MlpNetwork(nn.Module):
    """Descriptors (n, width) → spectra (n, grid): residual blocks of equal width."""

    def __init__(
        self,
        width: int,
        target: NDArray[np.float32],
        hidden: int = 384,
        n_blocks: int = 2,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Dropout(0.1), nn.Linear(width, hidden))
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(hidden),
                nn.SiLU(),
                nn.Dropout(dropout),
                nn.Linear(hidden, hidden),
            )
            for _ in range(n_blocks)
        )
        self.leave = nn.Sequential(nn.LayerNorm(hidden), nn.SiLU())
        self.head = SpectrumHead(hidden, target)

    def features(self, x: Tensor) -> Tensor:
        """(n, hidden): what the last layer sees."""
        h = self.enter(x)
        for block in self.blocks:
            h = h + block(h)
        return torch.as_tensor(self.leave(h))

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.head(self.features(x)))
