"""A dense network on descriptors of the site and the layers of SevenNet."""

from __future__ import annotations

from ml import pretrained
from ml.descriptors import BLOCKS
from ml.inputs import Sees
from ml.kinds.mlp import Mlp


class SevennetMlp(Mlp):
    """As :class:`ml.kinds.mlp.Mlp`, with what the potential holds of the site beside it."""

    kind = "sevennet-mlp"
    version = 2
    needs = (pretrained.SEVENNET,)
    sees = Sees((*BLOCKS, pretrained.SEVENNET))
