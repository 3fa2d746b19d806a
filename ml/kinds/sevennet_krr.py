"""Kernel ridge regression on descriptors of the site and the layers of SevenNet."""

from __future__ import annotations

from typing import ClassVar

from ml import pretrained
from ml.kinds.krr_nmf import KrrNmf


class SevennetKrr(KrrNmf):
    """As :class:`ml.kinds.krr_nmf.KrrNmf`, with what the potential holds of the site beside it."""

    kind = "sevennet-krr"
    version = 2
    needs = (pretrained.SEVENNET,)
    beside: ClassVar[dict[str, float]] = {pretrained.SEVENNET: 5.0}
