"""The mixture whose parts see atoms as either pretrained potential does."""

from __future__ import annotations

from ml import pretrained
from ml.kinds.mixed import Mixed
from ml.kinds.mixed_chgnet import MixedChgnet


class MixedChgnetSevennet(Mixed):
    """As :class:`ml.kinds.mixed_chgnet.MixedChgnet`, with parts that see by SevenNet as well."""

    kind = "mixed-chgnet-sevennet"
    version = 2
    needs = (pretrained.CHGNET, pretrained.SEVENNET)
    made_of = (*MixedChgnet.made_of, "sevennet-krr", "sevennet-mlp")
