"""Crystal graph convolutions read out at the absorbing atom (:mod:`ml.cgcnn`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ml.cgcnn import CgcnnNetwork, CgcnnSize
from ml.inputs import Inputs, Sees
from ml.kinds.networks import NetworkKind
from ml.output import Basis, SpectrumNetwork


class Cgcnn(NetworkKind[CgcnnSize]):
    """Networks that see the crystal's graph alone."""

    kind = "cgcnn"
    version = 3
    sees = Sees()
    size = CgcnnSize()
    epochs = 30
    batch_size = 64

    @classmethod
    def network(cls, inputs: Inputs, basis: Basis, size: CgcnnSize) -> SpectrumNetwork:
        return CgcnnNetwork(basis, size)

    @classmethod
    def suggest_size(cls, trial: Any, size: CgcnnSize) -> CgcnnSize:
        return replace(
            size,
            dropout=trial.suggest_float("dropout", 0.0, 0.5),
            hidden=trial.suggest_int("hidden", 128, 640, step=128),
            n_conv=trial.suggest_int("n_conv", 1, 4),
            atom_dim=trial.suggest_int("atom_dim", 48, 144, step=32),
        )
