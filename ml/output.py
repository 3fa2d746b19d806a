"""The last layer of every network: coefficients and an edge shift → a spectrum on the grid."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class SpectrumHead(nn.Module):
    """Features → non-negative, smooth spectrum with its edge where it belongs.

    The spectrum is the training mean plus a few principal components of the training set (the
    network chooses their weights), moved along the energy by a predicted edge shift of at most
    ``max_shift`` grid steps, and cut at zero. Smoothness is that of the components.
    """

    mean: Tensor
    components: Tensor
    scale: Tensor

    def __init__(
        self, width: int, target: NDArray[np.float32], rank: int = 40, max_shift: float = 8.0
    ) -> None:
        super().__init__()
        mean = target.mean(axis=0)
        _, s, vt = np.linalg.svd(target - mean, full_matrices=False)
        rank = min(rank, len(s))
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("components", torch.tensor(vt[:rank].copy()))
        self.register_buffer("scale", torch.tensor(s[:rank] / np.float32(np.sqrt(len(target)))))
        self.max_shift = max_shift
        self.coefficients = nn.Linear(width, rank)
        self.shift = nn.Linear(width, 1)
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.shift.bias)

    def forward(self, features: Tensor) -> Tensor:
        """features (n, width) -> (n, grid)."""
        curve = self.mean + (self.coefficients(features) * self.scale) @ self.components
        moved = shifted(curve, self.max_shift * torch.tanh(self.shift(features)))
        return moved if self.training else torch.relu(moved)


def shifted(curve: Tensor, steps: Tensor) -> Tensor:
    """curve (n, g) moved to higher energy by steps (n, 1) of the grid, ends held constant."""
    n = curve.shape[1]
    at = torch.arange(n, device=curve.device) - steps
    low = at.floor().clamp(0, n - 2)
    part = (at - low).clamp(0, 1)
    index = low.long()
    left = torch.gather(curve, 1, index)
    right = torch.gather(curve, 1, index + 1)
    return left + part * (right - left)
