"""The mixture whose parts see atoms as a pretrained potential does."""

from __future__ import annotations

from ml import pretrained
from ml.kinds.mixed import Mixed


class MixedChgnet(Mixed):
    """As :class:`ml.kinds.mixed.Mixed`."""

    kind = "mixed-chgnet"
    version = 5
    needs = (pretrained.CHGNET,)
    made_of = ("krr-nmf", "ace", "chgnet-krr", "chgnet-mlp", "chgnet-ace")
