"""The mixture whose parts see atoms as SevenNet does."""

from __future__ import annotations

from ml import pretrained
from ml.kinds.mixed import Mixed


class MixedSevennet(Mixed):
    """As :class:`ml.kinds.mixed.Mixed`."""

    kind = "mixed-sevennet"
    version = 2
    needs = (pretrained.SEVENNET,)
    made_of = ("krr-nmf", "ace", "sevennet-krr", "sevennet-mlp")
