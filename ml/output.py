"""The last layer of every network: coefficients and an edge shift → a spectrum on the grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Basis:
    """What the spectra of a training set have in common.

    Attributes
    ----------
    mean : (g,)
        Of the spectra.
    components : (r, g)
        Their principal components.
    scale : (r,)
        Standard deviation of the spectra along each.
    """

    mean: Float32
    components: Float32
    scale: Float32

    @classmethod
    def of(cls, target: Float32, rank: int = 40) -> Basis:
        """Of training spectra (n, g)."""
        mean = target.mean(axis=0)
        _, s, vt = np.linalg.svd(target - mean, full_matrices=False)
        rank = min(rank, len(s))
        scale = np.asarray(s[:rank] / np.float32(np.sqrt(len(target))), np.float32)
        return cls(mean, vt[:rank].copy(), scale)

    @classmethod
    def blank(cls, rank: int, grid: int) -> Basis:
        """Room for one that is about to be loaded."""
        empty = np.zeros((rank, grid), np.float32)
        return cls(np.zeros(grid, np.float32), empty, np.zeros(rank, np.float32))


class SpectrumHead(nn.Module):
    """Features → non-negative, smooth spectrum with its edge where it belongs.

    The spectrum is the training mean plus a few principal components of the training set (the
    network chooses their weights), moved along the energy by a predicted edge shift of at most
    ``max_shift`` grid steps, and cut at zero. Smoothness is that of the components.
    """

    mean: Tensor
    components: Tensor
    scale: Tensor

    def __init__(self, width: int, basis: Basis, max_shift: float = 8.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(basis.mean))
        self.register_buffer("components", torch.tensor(basis.components))
        self.register_buffer("scale", torch.tensor(basis.scale))
        self.max_shift = max_shift
        self.coefficients = nn.Linear(width, len(basis.components))
        self.shift = nn.Linear(width, 1)
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.shift.bias)

    def forward(self, features: Tensor) -> Tensor:
        """features (n, width) -> (n, grid)."""
        curve = self.mean + (self.coefficients(features) * self.scale) @ self.components
        moved = shifted(curve, self.max_shift * torch.tanh(self.shift(features)))
        return moved if self.training else torch.relu(moved)


@dataclass(frozen=True)
class Mixing:
    """Rows of a batch mixed in pairs: ``share`` (s, 1) of each, the rest of its ``partner``."""

    share: Tensor
    partner: Tensor

    @classmethod
    def drawn(cls, n: int, alpha: float, device: torch.device) -> Mixing:
        """Shares of at least a half by a symmetric beta distribution."""
        share = torch.distributions.Beta(alpha, alpha).sample((n, 1))
        share = torch.maximum(share, 1 - share)
        return cls(share.to(device), torch.randperm(n).to(device))

    def of(self, values: Tensor) -> Tensor:
        """values (s, …) mixed."""
        return values.lerp(values[self.partner], 1 - self.share)


class SpectrumNetwork(nn.Module, ABC):
    """What is seen of a site, read by dense layers, the last of them a :class:`SpectrumHead`."""

    head: SpectrumHead

    @abstractmethod
    def seen(self, batch: Any) -> Tensor:
        """(s, seen): what the dense layers see of each row of a batch of the network's inputs."""

    @abstractmethod
    def read(self, seen: Tensor) -> Tensor:
        """(s, seen) -> (s, width): what the last layer sees."""

    def features(self, batch: Any) -> Tensor:
        """(s, width): what the last layer sees of each row of a batch."""
        return self.read(self.seen(batch))

    def forward(self, batch: Any, mixing: Mixing | None = None) -> Tensor:
        """(s, grid) spectra of the rows of a batch, or of what lies between them."""
        seen = self.seen(batch)
        return torch.as_tensor(self.head(self.read(seen if mixing is None else mixing.of(seen))))


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
