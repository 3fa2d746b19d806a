"""A dense network on descriptors of the site and the layers of a pretrained potential."""

from __future__ import annotations

from ml import pretrained
from ml.descriptors import BLOCKS
from ml.inputs import Sees
from ml.kinds.mlp import Mlp


class ChgnetMlp(Mlp):
    """As :class:`ml.kinds.mlp.Mlp`, with what the potential holds of the site beside it."""

    kind = "chgnet-mlp"
    version = 4
    needs = (pretrained.CHGNET,)
    sees = Sees((*BLOCKS, pretrained.CHGNET))
