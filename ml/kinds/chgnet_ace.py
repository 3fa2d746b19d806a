"""Correlations of the density around the absorber, of atoms as a pretrained potential sees them."""

from __future__ import annotations

from typing import Any

from ml import pretrained
from ml.inputs import Inputs, Sees
from ml.kinds.ace import AceNetwork, AceSize, suggest_widths
from ml.kinds.networks import NetworkKind
from ml.output import Basis, SpectrumNetwork


class ChgnetAce(NetworkKind[AceSize]):
    """As :class:`ml.kinds.ace.Ace`, with the layers of the potential in the place of convolutions:
    they have seen the graph."""

    kind = "chgnet-ace"
    version = 3
    needs = (pretrained.CHGNET,)
    sees = Sees((pretrained.atom_block(pretrained.CHGNET),), around=True)
    size = AceSize(n_conv=0)
    epochs = 40
    batch_size = 64

    @classmethod
    def network(cls, inputs: Inputs, basis: Basis, size: AceSize) -> SpectrumNetwork:
        return AceNetwork(inputs, basis, size)

    @classmethod
    def suggest_size(cls, trial: Any, size: AceSize) -> AceSize:
        return suggest_widths(trial, size)
