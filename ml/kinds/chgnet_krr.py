"""Kernel ridge regression on descriptors of the site and the layers of a pretrained potential."""

from __future__ import annotations

from typing import ClassVar

from ml import pretrained
from ml.kinds.krr_nmf import KrrNmf


class ChgnetKrr(KrrNmf):
    """As :class:`ml.kinds.krr_nmf.KrrNmf`, with what the potential holds of the site beside it."""

    kind = "chgnet-krr"
    version = 5
    needs = (pretrained.CHGNET,)
    beside: ClassVar[dict[str, float]] = {pretrained.CHGNET: 10.0}
